/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError;

const $root = $protobuf.roots["balsam"] || ($protobuf.roots["balsam"] = {});

export const balsam = $root.balsam = (() => {

    const balsam = {};

    balsam.launcher = (function() {

        const launcher = {};

        launcher.v1 = (function() {

            const v1 = {};

            v1.Envelope = (function() {

                const Envelope = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Envelope.prototype.version = 0;
                Envelope.prototype.launcher = 0;
                Envelope.prototype.epoch = 0;
                Envelope.prototype.incarnation = "";
                Envelope.prototype.hello = null;
                Envelope.prototype.echo = null;
                Envelope.prototype.commands = null;
                Envelope.prototype.dismissed = null;
                Envelope.prototype.join = null;
                Envelope.prototype.heartbeat = null;
                Envelope.prototype.reports = null;

                let $oneOfFields;

                $Object.defineProperty(Envelope.prototype, "body", {
                    get: $util.oneOfGetter($oneOfFields = ["hello", "echo", "commands", "dismissed", "join", "heartbeat", "reports"]),
                    set: $util.oneOfSetter($oneOfFields)
                });

                Envelope.create = function(properties) {
                    return new Envelope(properties);
                };

                Envelope.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.version != null && $Object.hasOwnProperty.call(message, "version") && message.version !== 0)
                        writer.uint32(8).uint32(message.version);
                    if (message.launcher != null && $Object.hasOwnProperty.call(message, "launcher") && message.launcher !== 0)
                        writer.uint32(16).uint32(message.launcher);
                    if (message.epoch != null && $Object.hasOwnProperty.call(message, "epoch") && message.epoch !== 0)
                        writer.uint32(24).uint32(message.epoch);
                    if (message.incarnation != null && $Object.hasOwnProperty.call(message, "incarnation") && message.incarnation !== "")
                        writer.uint32(34).string(message.incarnation);
                    if (message.hello != null && $Object.hasOwnProperty.call(message, "hello"))
                        $root.balsam.launcher.v1.Hello.encode(message.hello, writer.uint32(82).fork(), _depth + 1).ldelim();
                    if (message.echo != null && $Object.hasOwnProperty.call(message, "echo"))
                        $root.balsam.launcher.v1.Echo.encode(message.echo, writer.uint32(90).fork(), _depth + 1).ldelim();
                    if (message.commands != null && $Object.hasOwnProperty.call(message, "commands"))
                        $root.balsam.launcher.v1.Commands.encode(message.commands, writer.uint32(98).fork(), _depth + 1).ldelim();
                    if (message.dismissed != null && $Object.hasOwnProperty.call(message, "dismissed"))
                        $root.balsam.launcher.v1.Dismissed.encode(message.dismissed, writer.uint32(106).fork(), _depth + 1).ldelim();
                    if (message.join != null && $Object.hasOwnProperty.call(message, "join"))
                        $root.balsam.launcher.v1.Join.encode(message.join, writer.uint32(162).fork(), _depth + 1).ldelim();
                    if (message.heartbeat != null && $Object.hasOwnProperty.call(message, "heartbeat"))
                        $root.balsam.launcher.v1.Heartbeat.encode(message.heartbeat, writer.uint32(170).fork(), _depth + 1).ldelim();
                    if (message.reports != null && $Object.hasOwnProperty.call(message, "reports"))
                        $root.balsam.launcher.v1.Reports.encode(message.reports, writer.uint32(178).fork(), _depth + 1).ldelim();
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Envelope.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Envelope();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.version = value;
                                else
                                    delete message.version;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.launcher = value;
                                else
                                    delete message.launcher;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.epoch = value;
                                else
                                    delete message.epoch;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.incarnation = value;
                                else
                                    delete message.incarnation;
                                continue;
                            }
                        case 10: {
                                if (wireType !== 2)
                                    break;
                                message.hello = $root.balsam.launcher.v1.Hello.decode(reader, reader.size(), $undefined, _depth + 1, message.hello);
                                message.body = "hello";
                                continue;
                            }
                        case 11: {
                                if (wireType !== 2)
                                    break;
                                message.echo = $root.balsam.launcher.v1.Echo.decode(reader, reader.size(), $undefined, _depth + 1, message.echo);
                                message.body = "echo";
                                continue;
                            }
                        case 12: {
                                if (wireType !== 2)
                                    break;
                                message.commands = $root.balsam.launcher.v1.Commands.decode(reader, reader.size(), $undefined, _depth + 1, message.commands);
                                message.body = "commands";
                                continue;
                            }
                        case 13: {
                                if (wireType !== 2)
                                    break;
                                message.dismissed = $root.balsam.launcher.v1.Dismissed.decode(reader, reader.size(), $undefined, _depth + 1, message.dismissed);
                                message.body = "dismissed";
                                continue;
                            }
                        case 20: {
                                if (wireType !== 2)
                                    break;
                                message.join = $root.balsam.launcher.v1.Join.decode(reader, reader.size(), $undefined, _depth + 1, message.join);
                                message.body = "join";
                                continue;
                            }
                        case 21: {
                                if (wireType !== 2)
                                    break;
                                message.heartbeat = $root.balsam.launcher.v1.Heartbeat.decode(reader, reader.size(), $undefined, _depth + 1, message.heartbeat);
                                message.body = "heartbeat";
                                continue;
                            }
                        case 22: {
                                if (wireType !== 2)
                                    break;
                                message.reports = $root.balsam.launcher.v1.Reports.decode(reader, reader.size(), $undefined, _depth + 1, message.reports);
                                message.body = "reports";
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Envelope;
            })();

            v1.Hello = (function() {

                const Hello = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Hello.create = function(properties) {
                    return new Hello(properties);
                };

                Hello.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Hello.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Hello();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        reader.skipType(tag & 7, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Hello;
            })();

            v1.Echo = (function() {

                const Echo = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Echo.prototype.number = 0;
                Echo.prototype.receivedReports = 0;
                Echo.prototype.committedReports = 0;

                Echo.create = function(properties) {
                    return new Echo(properties);
                };

                Echo.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.number != null && $Object.hasOwnProperty.call(message, "number") && message.number !== 0)
                        writer.uint32(8).uint32(message.number);
                    if (message.receivedReports != null && $Object.hasOwnProperty.call(message, "receivedReports") && message.receivedReports !== 0)
                        writer.uint32(16).uint32(message.receivedReports);
                    if (message.committedReports != null && $Object.hasOwnProperty.call(message, "committedReports") && message.committedReports !== 0)
                        writer.uint32(24).uint32(message.committedReports);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Echo.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Echo();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.number = value;
                                else
                                    delete message.number;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.receivedReports = value;
                                else
                                    delete message.receivedReports;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.committedReports = value;
                                else
                                    delete message.committedReports;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Echo;
            })();

            v1.Commands = (function() {

                const Commands = function (properties) {
                    this.commands = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Commands.prototype.commands = $util.emptyArray;

                Commands.create = function(properties) {
                    return new Commands(properties);
                };

                Commands.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.commands != null && message.commands.length)
                        for (let i = 0; i < message.commands.length; ++i)
                            $root.balsam.launcher.v1.Command.encode(message.commands[i], writer.uint32(10).fork(), _depth + 1).ldelim();
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Commands.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Commands();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.commands && message.commands.length))
                                    message.commands = [];
                                message.commands.push($root.balsam.launcher.v1.Command.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Commands;
            })();

            v1.Command = (function() {

                const Command = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Command.prototype.seq = 0;
                Command.prototype.start = null;
                Command.prototype.kill = null;
                Command.prototype.retract = null;
                Command.prototype.committed = null;
                Command.prototype.drain = null;

                let $oneOfFields;

                $Object.defineProperty(Command.prototype, "body", {
                    get: $util.oneOfGetter($oneOfFields = ["start", "kill", "retract", "committed", "drain"]),
                    set: $util.oneOfSetter($oneOfFields)
                });

                Command.create = function(properties) {
                    return new Command(properties);
                };

                Command.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.seq != null && $Object.hasOwnProperty.call(message, "seq") && message.seq !== 0)
                        writer.uint32(8).uint32(message.seq);
                    if (message.start != null && $Object.hasOwnProperty.call(message, "start"))
                        $root.balsam.launcher.v1.Start.encode(message.start, writer.uint32(18).fork(), _depth + 1).ldelim();
                    if (message.kill != null && $Object.hasOwnProperty.call(message, "kill"))
                        $root.balsam.launcher.v1.Kill.encode(message.kill, writer.uint32(26).fork(), _depth + 1).ldelim();
                    if (message.retract != null && $Object.hasOwnProperty.call(message, "retract"))
                        $root.balsam.launcher.v1.Retract.encode(message.retract, writer.uint32(34).fork(), _depth + 1).ldelim();
                    if (message.committed != null && $Object.hasOwnProperty.call(message, "committed"))
                        $root.balsam.launcher.v1.Committed.encode(message.committed, writer.uint32(42).fork(), _depth + 1).ldelim();
                    if (message.drain != null && $Object.hasOwnProperty.call(message, "drain"))
                        $root.balsam.launcher.v1.Drain.encode(message.drain, writer.uint32(50).fork(), _depth + 1).ldelim();
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Command.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Command();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.seq = value;
                                else
                                    delete message.seq;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                message.start = $root.balsam.launcher.v1.Start.decode(reader, reader.size(), $undefined, _depth + 1, message.start);
                                message.body = "start";
                                continue;
                            }
                        case 3: {
                                if (wireType !== 2)
                                    break;
                                message.kill = $root.balsam.launcher.v1.Kill.decode(reader, reader.size(), $undefined, _depth + 1, message.kill);
                                message.body = "kill";
                                continue;
                            }
                        case 4: {
                                if (wireType !== 2)
                                    break;
                                message.retract = $root.balsam.launcher.v1.Retract.decode(reader, reader.size(), $undefined, _depth + 1, message.retract);
                                message.body = "retract";
                                continue;
                            }
                        case 5: {
                                if (wireType !== 2)
                                    break;
                                message.committed = $root.balsam.launcher.v1.Committed.decode(reader, reader.size(), $undefined, _depth + 1, message.committed);
                                message.body = "committed";
                                continue;
                            }
                        case 6: {
                                if (wireType !== 2)
                                    break;
                                message.drain = $root.balsam.launcher.v1.Drain.decode(reader, reader.size(), $undefined, _depth + 1, message.drain);
                                message.body = "drain";
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Command;
            })();

            v1.Start = (function() {

                const Start = function (properties) {
                    this.apps = [];
                    this.jobs = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Start.prototype.apps = $util.emptyArray;
                Start.prototype.jobs = $util.emptyArray;

                Start.create = function(properties) {
                    return new Start(properties);
                };

                Start.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.apps != null && message.apps.length)
                        for (let i = 0; i < message.apps.length; ++i)
                            $root.balsam.launcher.v1.App.encode(message.apps[i], writer.uint32(10).fork(), _depth + 1).ldelim();
                    if (message.jobs != null && message.jobs.length)
                        for (let i = 0; i < message.jobs.length; ++i)
                            $root.balsam.launcher.v1.Job.encode(message.jobs[i], writer.uint32(18).fork(), _depth + 1).ldelim();
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Start.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Start();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.apps && message.apps.length))
                                    message.apps = [];
                                message.apps.push($root.balsam.launcher.v1.App.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.jobs && message.jobs.length))
                                    message.jobs = [];
                                message.jobs.push($root.balsam.launcher.v1.Job.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Start;
            })();

            v1.App = (function() {

                const App = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                App.prototype.index = 0;
                App.prototype.name = "";
                App.prototype.executable = "";
                App.prototype.envscript = "";

                App.create = function(properties) {
                    return new App(properties);
                };

                App.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.index != null && $Object.hasOwnProperty.call(message, "index") && message.index !== 0)
                        writer.uint32(8).uint32(message.index);
                    if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== "")
                        writer.uint32(18).string(message.name);
                    if (message.executable != null && $Object.hasOwnProperty.call(message, "executable") && message.executable !== "")
                        writer.uint32(26).string(message.executable);
                    if (message.envscript != null && $Object.hasOwnProperty.call(message, "envscript") && message.envscript !== "")
                        writer.uint32(34).string(message.envscript);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                App.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.App();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.index = value;
                                else
                                    delete message.index;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.name = value;
                                else
                                    delete message.name;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.executable = value;
                                else
                                    delete message.executable;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.envscript = value;
                                else
                                    delete message.envscript;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return App;
            })();

            v1.Job = (function() {

                const Job = function (properties) {
                    this.hosts = [];
                    this.nodes = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Job.prototype.id = "";
                Job.prototype.attempt = 0;
                Job.prototype.app = 0;
                Job.prototype.name = "";
                Job.prototype.workflow = "";
                Job.prototype.args = "";
                Job.prototype.environVars = "";
                Job.prototype.userWorkdir = "";
                Job.prototype.mpiFlags = "";
                Job.prototype.parents = "";
                Job.prototype.cpuAffinity = "";
                Job.prototype.numNodes = 0;
                Job.prototype.ranksPerNode = 0;
                Job.prototype.threadsPerRank = 0;
                Job.prototype.threadsPerCore = 0;
                Job.prototype.packing = 0;
                Job.prototype.hosts = $util.emptyArray;
                Job.prototype.nodes = $util.emptyArray;

                Job.create = function(properties) {
                    return new Job(properties);
                };

                Job.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.id != null && $Object.hasOwnProperty.call(message, "id") && message.id !== "")
                        writer.uint32(10).string(message.id);
                    if (message.attempt != null && $Object.hasOwnProperty.call(message, "attempt") && message.attempt !== 0)
                        writer.uint32(16).uint32(message.attempt);
                    if (message.app != null && $Object.hasOwnProperty.call(message, "app") && message.app !== 0)
                        writer.uint32(24).uint32(message.app);
                    if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== "")
                        writer.uint32(34).string(message.name);
                    if (message.workflow != null && $Object.hasOwnProperty.call(message, "workflow") && message.workflow !== "")
                        writer.uint32(42).string(message.workflow);
                    if (message.args != null && $Object.hasOwnProperty.call(message, "args") && message.args !== "")
                        writer.uint32(50).string(message.args);
                    if (message.environVars != null && $Object.hasOwnProperty.call(message, "environVars") && message.environVars !== "")
                        writer.uint32(58).string(message.environVars);
                    if (message.userWorkdir != null && $Object.hasOwnProperty.call(message, "userWorkdir") && message.userWorkdir !== "")
                        writer.uint32(66).string(message.userWorkdir);
                    if (message.mpiFlags != null && $Object.hasOwnProperty.call(message, "mpiFlags") && message.mpiFlags !== "")
                        writer.uint32(74).string(message.mpiFlags);
                    if (message.parents != null && $Object.hasOwnProperty.call(message, "parents") && message.parents !== "")
                        writer.uint32(82).string(message.parents);
                    if (message.cpuAffinity != null && $Object.hasOwnProperty.call(message, "cpuAffinity") && message.cpuAffinity !== "")
                        writer.uint32(90).string(message.cpuAffinity);
                    if (message.numNodes != null && $Object.hasOwnProperty.call(message, "numNodes") && message.numNodes !== 0)
                        writer.uint32(96).uint32(message.numNodes);
                    if (message.ranksPerNode != null && $Object.hasOwnProperty.call(message, "ranksPerNode") && message.ranksPerNode !== 0)
                        writer.uint32(104).uint32(message.ranksPerNode);
                    if (message.threadsPerRank != null && $Object.hasOwnProperty.call(message, "threadsPerRank") && message.threadsPerRank !== 0)
                        writer.uint32(112).uint32(message.threadsPerRank);
                    if (message.threadsPerCore != null && $Object.hasOwnProperty.call(message, "threadsPerCore") && message.threadsPerCore !== 0)
                        writer.uint32(120).uint32(message.threadsPerCore);
                    if (message.packing != null && $Object.hasOwnProperty.call(message, "packing") && message.packing !== 0)
                        writer.uint32(128).uint32(message.packing);
                    if (message.hosts != null && message.hosts.length)
                        for (let i = 0; i < message.hosts.length; ++i)
                            writer.uint32(138).string(message.hosts[i]);
                    if (message.nodes != null && message.nodes.length)
                        writer.uint32(146).uint32s(message.nodes);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Job.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Job();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.id = value;
                                else
                                    delete message.id;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.attempt = value;
                                else
                                    delete message.attempt;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.app = value;
                                else
                                    delete message.app;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.name = value;
                                else
                                    delete message.name;
                                continue;
                            }
                        case 5: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.workflow = value;
                                else
                                    delete message.workflow;
                                continue;
                            }
                        case 6: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.args = value;
                                else
                                    delete message.args;
                                continue;
                            }
                        case 7: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.environVars = value;
                                else
                                    delete message.environVars;
                                continue;
                            }
                        case 8: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.userWorkdir = value;
                                else
                                    delete message.userWorkdir;
                                continue;
                            }
                        case 9: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.mpiFlags = value;
                                else
                                    delete message.mpiFlags;
                                continue;
                            }
                        case 10: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.parents = value;
                                else
                                    delete message.parents;
                                continue;
                            }
                        case 11: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.cpuAffinity = value;
                                else
                                    delete message.cpuAffinity;
                                continue;
                            }
                        case 12: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.numNodes = value;
                                else
                                    delete message.numNodes;
                                continue;
                            }
                        case 13: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.ranksPerNode = value;
                                else
                                    delete message.ranksPerNode;
                                continue;
                            }
                        case 14: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.threadsPerRank = value;
                                else
                                    delete message.threadsPerRank;
                                continue;
                            }
                        case 15: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.threadsPerCore = value;
                                else
                                    delete message.threadsPerCore;
                                continue;
                            }
                        case 16: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.packing = value;
                                else
                                    delete message.packing;
                                continue;
                            }
                        case 17: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.hosts && message.hosts.length))
                                    message.hosts = [];
                                message.hosts.push(reader.stringVerify());
                                continue;
                            }
                        case 18: {
                                if (wireType === 2) {
                                    if (!(message.nodes && message.nodes.length))
                                        message.nodes = [];
                                    reader.uint32s(message.nodes);
                                    continue;
                                }
                                if (wireType !== 0)
                                    break;
                                if (!(message.nodes && message.nodes.length))
                                    message.nodes = [];
                                message.nodes.push(reader.uint32());
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Job;
            })();

            v1.JobRef = (function() {

                const JobRef = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                JobRef.prototype.id = "";
                JobRef.prototype.attempt = 0;

                JobRef.create = function(properties) {
                    return new JobRef(properties);
                };

                JobRef.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.id != null && $Object.hasOwnProperty.call(message, "id") && message.id !== "")
                        writer.uint32(10).string(message.id);
                    if (message.attempt != null && $Object.hasOwnProperty.call(message, "attempt") && message.attempt !== 0)
                        writer.uint32(16).uint32(message.attempt);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                JobRef.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.JobRef();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.id = value;
                                else
                                    delete message.id;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.attempt = value;
                                else
                                    delete message.attempt;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return JobRef;
            })();

            v1.Kill = (function() {

                const Kill = function (properties) {
                    this.jobs = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Kill.prototype.jobs = $util.emptyArray;
                Kill.prototype.reason = 0;

                Kill.create = function(properties) {
                    return new Kill(properties);
                };

                Kill.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.jobs != null && message.jobs.length)
                        for (let i = 0; i < message.jobs.length; ++i)
                            $root.balsam.launcher.v1.JobRef.encode(message.jobs[i], writer.uint32(10).fork(), _depth + 1).ldelim();
                    if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== 0)
                        writer.uint32(16).int32(message.reason);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Kill.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Kill();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.jobs && message.jobs.length))
                                    message.jobs = [];
                                message.jobs.push($root.balsam.launcher.v1.JobRef.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.int32())
                                    message.reason = value;
                                else
                                    delete message.reason;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Kill;
            })();

            v1.KillReason = (function() {
                const valuesById = $Object.create(null), values = $Object.create(valuesById);
                values[valuesById[0] = "KILL_REASON_UNSPECIFIED"] = 0;
                values[valuesById[1] = "KILL_REASON_USER"] = 1;
                values[valuesById[2] = "KILL_REASON_TIMEOUT"] = 2;
                values[valuesById[3] = "KILL_REASON_LOST"] = 3;
                values[valuesById[4] = "KILL_REASON_NOW"] = 4;
                return values;
            })();

            v1.Retract = (function() {

                const Retract = function (properties) {
                    this.jobs = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Retract.prototype.jobs = $util.emptyArray;

                Retract.create = function(properties) {
                    return new Retract(properties);
                };

                Retract.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.jobs != null && message.jobs.length)
                        for (let i = 0; i < message.jobs.length; ++i)
                            $root.balsam.launcher.v1.JobRef.encode(message.jobs[i], writer.uint32(10).fork(), _depth + 1).ldelim();
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Retract.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Retract();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.jobs && message.jobs.length))
                                    message.jobs = [];
                                message.jobs.push($root.balsam.launcher.v1.JobRef.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Retract;
            })();

            v1.Committed = (function() {

                const Committed = function (properties) {
                    this.answers = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Committed.prototype.reports = 0;
                Committed.prototype.answers = $util.emptyArray;

                Committed.create = function(properties) {
                    return new Committed(properties);
                };

                Committed.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.reports != null && $Object.hasOwnProperty.call(message, "reports") && message.reports !== 0)
                        writer.uint32(8).uint32(message.reports);
                    if (message.answers != null && message.answers.length)
                        for (let i = 0; i < message.answers.length; ++i)
                            $root.balsam.launcher.v1.Answer.encode(message.answers[i], writer.uint32(18).fork(), _depth + 1).ldelim();
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Committed.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Committed();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.reports = value;
                                else
                                    delete message.reports;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.answers && message.answers.length))
                                    message.answers = [];
                                message.answers.push($root.balsam.launcher.v1.Answer.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Committed;
            })();

            v1.Answer = (function() {

                const Answer = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Answer.prototype.request = 0;
                Answer.prototype.json = "";
                Answer.prototype.error = "";

                Answer.create = function(properties) {
                    return new Answer(properties);
                };

                Answer.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.request != null && $Object.hasOwnProperty.call(message, "request") && message.request !== 0)
                        writer.uint32(8).uint32(message.request);
                    if (message.json != null && $Object.hasOwnProperty.call(message, "json") && message.json !== "")
                        writer.uint32(18).string(message.json);
                    if (message.error != null && $Object.hasOwnProperty.call(message, "error") && message.error !== "")
                        writer.uint32(26).string(message.error);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Answer.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Answer();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.request = value;
                                else
                                    delete message.request;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.json = value;
                                else
                                    delete message.json;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.error = value;
                                else
                                    delete message.error;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Answer;
            })();

            v1.Drain = (function() {

                const Drain = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Drain.create = function(properties) {
                    return new Drain(properties);
                };

                Drain.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Drain.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Drain();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        reader.skipType(tag & 7, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Drain;
            })();

            v1.Dismissed = (function() {

                const Dismissed = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Dismissed.prototype.reason = "";

                Dismissed.create = function(properties) {
                    return new Dismissed(properties);
                };

                Dismissed.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== "")
                        writer.uint32(10).string(message.reason);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Dismissed.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Dismissed();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.reason = value;
                                else
                                    delete message.reason;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Dismissed;
            })();

            v1.Join = (function() {

                const Join = function (properties) {
                    this.held = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Join.prototype.node = 0;
                Join.prototype.hostname = "";
                Join.prototype.cpus = 0;
                Join.prototype.gpus = 0;
                Join.prototype.memoryBytes = 0;
                Join.prototype.agent = null;
                Join.prototype.guard = null;
                Join.prototype.endedIncarnation = "";
                Join.prototype.held = $util.emptyArray;
                Join.prototype.lastReport = 0;
                Join.prototype.oldestReport = 0;
                Join.prototype.endedCrashed = false;

                Join.create = function(properties) {
                    return new Join(properties);
                };

                Join.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.node != null && $Object.hasOwnProperty.call(message, "node") && message.node !== 0)
                        writer.uint32(8).uint32(message.node);
                    if (message.hostname != null && $Object.hasOwnProperty.call(message, "hostname") && message.hostname !== "")
                        writer.uint32(18).string(message.hostname);
                    if (message.cpus != null && $Object.hasOwnProperty.call(message, "cpus") && message.cpus !== 0)
                        writer.uint32(24).uint32(message.cpus);
                    if (message.gpus != null && $Object.hasOwnProperty.call(message, "gpus") && message.gpus !== 0)
                        writer.uint32(32).uint32(message.gpus);
                    if (message.memoryBytes != null && $Object.hasOwnProperty.call(message, "memoryBytes") && !$Object.is(message.memoryBytes, 0))
                        writer.uint32(41).double(message.memoryBytes);
                    if (message.agent != null && $Object.hasOwnProperty.call(message, "agent"))
                        $root.balsam.launcher.v1.ProcessIdentity.encode(message.agent, writer.uint32(50).fork(), _depth + 1).ldelim();
                    if (message.guard != null && $Object.hasOwnProperty.call(message, "guard"))
                        $root.balsam.launcher.v1.ProcessIdentity.encode(message.guard, writer.uint32(58).fork(), _depth + 1).ldelim();
                    if (message.endedIncarnation != null && $Object.hasOwnProperty.call(message, "endedIncarnation") && message.endedIncarnation !== "")
                        writer.uint32(66).string(message.endedIncarnation);
                    if (message.held != null && message.held.length)
                        for (let i = 0; i < message.held.length; ++i)
                            $root.balsam.launcher.v1.HeldAttempt.encode(message.held[i], writer.uint32(74).fork(), _depth + 1).ldelim();
                    if (message.lastReport != null && $Object.hasOwnProperty.call(message, "lastReport") && message.lastReport !== 0)
                        writer.uint32(80).uint32(message.lastReport);
                    if (message.oldestReport != null && $Object.hasOwnProperty.call(message, "oldestReport") && message.oldestReport !== 0)
                        writer.uint32(88).uint32(message.oldestReport);
                    if (message.endedCrashed != null && $Object.hasOwnProperty.call(message, "endedCrashed") && message.endedCrashed !== false)
                        writer.uint32(96).bool(message.endedCrashed);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Join.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Join();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.node = value;
                                else
                                    delete message.node;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.hostname = value;
                                else
                                    delete message.hostname;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.cpus = value;
                                else
                                    delete message.cpus;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.gpus = value;
                                else
                                    delete message.gpus;
                                continue;
                            }
                        case 5: {
                                if (wireType !== 1)
                                    break;
                                if (!$Object.is(value = reader.double(), 0))
                                    message.memoryBytes = value;
                                else
                                    delete message.memoryBytes;
                                continue;
                            }
                        case 6: {
                                if (wireType !== 2)
                                    break;
                                message.agent = $root.balsam.launcher.v1.ProcessIdentity.decode(reader, reader.size(), $undefined, _depth + 1, message.agent);
                                continue;
                            }
                        case 7: {
                                if (wireType !== 2)
                                    break;
                                message.guard = $root.balsam.launcher.v1.ProcessIdentity.decode(reader, reader.size(), $undefined, _depth + 1, message.guard);
                                continue;
                            }
                        case 8: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.endedIncarnation = value;
                                else
                                    delete message.endedIncarnation;
                                continue;
                            }
                        case 9: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.held && message.held.length))
                                    message.held = [];
                                message.held.push($root.balsam.launcher.v1.HeldAttempt.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        case 10: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.lastReport = value;
                                else
                                    delete message.lastReport;
                                continue;
                            }
                        case 11: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.oldestReport = value;
                                else
                                    delete message.oldestReport;
                                continue;
                            }
                        case 12: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.bool())
                                    message.endedCrashed = value;
                                else
                                    delete message.endedCrashed;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Join;
            })();

            v1.ProcessIdentity = (function() {

                const ProcessIdentity = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                ProcessIdentity.prototype.pid = 0;
                ProcessIdentity.prototype.startTime = 0;
                ProcessIdentity.prototype.bootId = "";
                ProcessIdentity.prototype.pidNamespace = "";
                ProcessIdentity.prototype.uid = 0;

                ProcessIdentity.create = function(properties) {
                    return new ProcessIdentity(properties);
                };

                ProcessIdentity.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.pid != null && $Object.hasOwnProperty.call(message, "pid") && message.pid !== 0)
                        writer.uint32(8).uint32(message.pid);
                    if (message.startTime != null && $Object.hasOwnProperty.call(message, "startTime") && !$Object.is(message.startTime, 0))
                        writer.uint32(17).double(message.startTime);
                    if (message.bootId != null && $Object.hasOwnProperty.call(message, "bootId") && message.bootId !== "")
                        writer.uint32(26).string(message.bootId);
                    if (message.pidNamespace != null && $Object.hasOwnProperty.call(message, "pidNamespace") && message.pidNamespace !== "")
                        writer.uint32(34).string(message.pidNamespace);
                    if (message.uid != null && $Object.hasOwnProperty.call(message, "uid") && message.uid !== 0)
                        writer.uint32(40).uint32(message.uid);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                ProcessIdentity.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.ProcessIdentity();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.pid = value;
                                else
                                    delete message.pid;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 1)
                                    break;
                                if (!$Object.is(value = reader.double(), 0))
                                    message.startTime = value;
                                else
                                    delete message.startTime;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.bootId = value;
                                else
                                    delete message.bootId;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.pidNamespace = value;
                                else
                                    delete message.pidNamespace;
                                continue;
                            }
                        case 5: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.uid = value;
                                else
                                    delete message.uid;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return ProcessIdentity;
            })();

            v1.HeldAttempt = (function() {

                const HeldAttempt = function (properties) {
                    this.nodes = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                HeldAttempt.prototype.id = "";
                HeldAttempt.prototype.attempt = 0;
                HeldAttempt.prototype.started = false;
                HeldAttempt.prototype.nodes = $util.emptyArray;

                HeldAttempt.create = function(properties) {
                    return new HeldAttempt(properties);
                };

                HeldAttempt.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.id != null && $Object.hasOwnProperty.call(message, "id") && message.id !== "")
                        writer.uint32(10).string(message.id);
                    if (message.attempt != null && $Object.hasOwnProperty.call(message, "attempt") && message.attempt !== 0)
                        writer.uint32(16).uint32(message.attempt);
                    if (message.started != null && $Object.hasOwnProperty.call(message, "started") && message.started !== false)
                        writer.uint32(24).bool(message.started);
                    if (message.nodes != null && message.nodes.length)
                        writer.uint32(34).uint32s(message.nodes);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                HeldAttempt.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.HeldAttempt();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.id = value;
                                else
                                    delete message.id;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.attempt = value;
                                else
                                    delete message.attempt;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.bool())
                                    message.started = value;
                                else
                                    delete message.started;
                                continue;
                            }
                        case 4: {
                                if (wireType === 2) {
                                    if (!(message.nodes && message.nodes.length))
                                        message.nodes = [];
                                    reader.uint32s(message.nodes);
                                    continue;
                                }
                                if (wireType !== 0)
                                    break;
                                if (!(message.nodes && message.nodes.length))
                                    message.nodes = [];
                                message.nodes.push(reader.uint32());
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return HeldAttempt;
            })();

            v1.Heartbeat = (function() {

                const Heartbeat = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Heartbeat.prototype.number = 0;
                Heartbeat.prototype.receivedCommands = 0;
                Heartbeat.prototype.lastReport = 0;
                Heartbeat.prototype.queued = 0;
                Heartbeat.prototype.running = 0;
                Heartbeat.prototype.draining = false;
                Heartbeat.prototype.short = "";
                Heartbeat.prototype.most = 0;

                Heartbeat.create = function(properties) {
                    return new Heartbeat(properties);
                };

                Heartbeat.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.number != null && $Object.hasOwnProperty.call(message, "number") && message.number !== 0)
                        writer.uint32(8).uint32(message.number);
                    if (message.receivedCommands != null && $Object.hasOwnProperty.call(message, "receivedCommands") && message.receivedCommands !== 0)
                        writer.uint32(16).uint32(message.receivedCommands);
                    if (message.lastReport != null && $Object.hasOwnProperty.call(message, "lastReport") && message.lastReport !== 0)
                        writer.uint32(24).uint32(message.lastReport);
                    if (message.queued != null && $Object.hasOwnProperty.call(message, "queued") && message.queued !== 0)
                        writer.uint32(32).uint32(message.queued);
                    if (message.running != null && $Object.hasOwnProperty.call(message, "running") && message.running !== 0)
                        writer.uint32(40).uint32(message.running);
                    if (message.draining != null && $Object.hasOwnProperty.call(message, "draining") && message.draining !== false)
                        writer.uint32(48).bool(message.draining);
                    if (message.short != null && $Object.hasOwnProperty.call(message, "short") && message.short !== "")
                        writer.uint32(58).string(message.short);
                    if (message.most != null && $Object.hasOwnProperty.call(message, "most") && message.most !== 0)
                        writer.uint32(64).uint32(message.most);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Heartbeat.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Heartbeat();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.number = value;
                                else
                                    delete message.number;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.receivedCommands = value;
                                else
                                    delete message.receivedCommands;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.lastReport = value;
                                else
                                    delete message.lastReport;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.queued = value;
                                else
                                    delete message.queued;
                                continue;
                            }
                        case 5: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.running = value;
                                else
                                    delete message.running;
                                continue;
                            }
                        case 6: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.bool())
                                    message.draining = value;
                                else
                                    delete message.draining;
                                continue;
                            }
                        case 7: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.short = value;
                                else
                                    delete message.short;
                                continue;
                            }
                        case 8: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.most = value;
                                else
                                    delete message.most;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Heartbeat;
            })();

            v1.Reports = (function() {

                const Reports = function (properties) {
                    this.reports = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Reports.prototype.reports = $util.emptyArray;
                Reports.prototype.receivedCommands = 0;

                Reports.create = function(properties) {
                    return new Reports(properties);
                };

                Reports.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.reports != null && message.reports.length)
                        for (let i = 0; i < message.reports.length; ++i)
                            $root.balsam.launcher.v1.Report.encode(message.reports[i], writer.uint32(10).fork(), _depth + 1).ldelim();
                    if (message.receivedCommands != null && $Object.hasOwnProperty.call(message, "receivedCommands") && message.receivedCommands !== 0)
                        writer.uint32(16).uint32(message.receivedCommands);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Reports.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Reports();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.reports && message.reports.length))
                                    message.reports = [];
                                message.reports.push($root.balsam.launcher.v1.Report.decode(reader, reader.size(), $undefined, _depth + 1));
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.receivedCommands = value;
                                else
                                    delete message.receivedCommands;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Reports;
            })();

            v1.Report = (function() {

                const Report = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Report.prototype.seq = 0;
                Report.prototype.job = "";
                Report.prototype.attempt = 0;
                Report.prototype.ageMs = 0;
                Report.prototype.started = null;
                Report.prototype.ended = null;
                Report.prototype.patch = null;
                Report.prototype.retracted = null;
                Report.prototype.request = null;
                Report.prototype.notStarted = null;

                let $oneOfFields;

                $Object.defineProperty(Report.prototype, "body", {
                    get: $util.oneOfGetter($oneOfFields = ["started", "ended", "patch", "retracted", "request", "notStarted"]),
                    set: $util.oneOfSetter($oneOfFields)
                });

                Report.create = function(properties) {
                    return new Report(properties);
                };

                Report.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.seq != null && $Object.hasOwnProperty.call(message, "seq") && message.seq !== 0)
                        writer.uint32(8).uint32(message.seq);
                    if (message.job != null && $Object.hasOwnProperty.call(message, "job") && message.job !== "")
                        writer.uint32(18).string(message.job);
                    if (message.attempt != null && $Object.hasOwnProperty.call(message, "attempt") && message.attempt !== 0)
                        writer.uint32(24).uint32(message.attempt);
                    if (message.ageMs != null && $Object.hasOwnProperty.call(message, "ageMs") && !$Object.is(message.ageMs, 0))
                        writer.uint32(33).double(message.ageMs);
                    if (message.started != null && $Object.hasOwnProperty.call(message, "started"))
                        $root.balsam.launcher.v1.Started.encode(message.started, writer.uint32(82).fork(), _depth + 1).ldelim();
                    if (message.ended != null && $Object.hasOwnProperty.call(message, "ended"))
                        $root.balsam.launcher.v1.Ended.encode(message.ended, writer.uint32(90).fork(), _depth + 1).ldelim();
                    if (message.patch != null && $Object.hasOwnProperty.call(message, "patch"))
                        $root.balsam.launcher.v1.Patch.encode(message.patch, writer.uint32(98).fork(), _depth + 1).ldelim();
                    if (message.retracted != null && $Object.hasOwnProperty.call(message, "retracted"))
                        $root.balsam.launcher.v1.Retracted.encode(message.retracted, writer.uint32(106).fork(), _depth + 1).ldelim();
                    if (message.request != null && $Object.hasOwnProperty.call(message, "request"))
                        $root.balsam.launcher.v1.Request.encode(message.request, writer.uint32(114).fork(), _depth + 1).ldelim();
                    if (message.notStarted != null && $Object.hasOwnProperty.call(message, "notStarted"))
                        $root.balsam.launcher.v1.NotStarted.encode(message.notStarted, writer.uint32(122).fork(), _depth + 1).ldelim();
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Report.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Report();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.seq = value;
                                else
                                    delete message.seq;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.job = value;
                                else
                                    delete message.job;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.attempt = value;
                                else
                                    delete message.attempt;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 1)
                                    break;
                                if (!$Object.is(value = reader.double(), 0))
                                    message.ageMs = value;
                                else
                                    delete message.ageMs;
                                continue;
                            }
                        case 10: {
                                if (wireType !== 2)
                                    break;
                                message.started = $root.balsam.launcher.v1.Started.decode(reader, reader.size(), $undefined, _depth + 1, message.started);
                                message.body = "started";
                                continue;
                            }
                        case 11: {
                                if (wireType !== 2)
                                    break;
                                message.ended = $root.balsam.launcher.v1.Ended.decode(reader, reader.size(), $undefined, _depth + 1, message.ended);
                                message.body = "ended";
                                continue;
                            }
                        case 12: {
                                if (wireType !== 2)
                                    break;
                                message.patch = $root.balsam.launcher.v1.Patch.decode(reader, reader.size(), $undefined, _depth + 1, message.patch);
                                message.body = "patch";
                                continue;
                            }
                        case 13: {
                                if (wireType !== 2)
                                    break;
                                message.retracted = $root.balsam.launcher.v1.Retracted.decode(reader, reader.size(), $undefined, _depth + 1, message.retracted);
                                message.body = "retracted";
                                continue;
                            }
                        case 14: {
                                if (wireType !== 2)
                                    break;
                                message.request = $root.balsam.launcher.v1.Request.decode(reader, reader.size(), $undefined, _depth + 1, message.request);
                                message.body = "request";
                                continue;
                            }
                        case 15: {
                                if (wireType !== 2)
                                    break;
                                message.notStarted = $root.balsam.launcher.v1.NotStarted.decode(reader, reader.size(), $undefined, _depth + 1, message.notStarted);
                                message.body = "notStarted";
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Report;
            })();

            v1.Started = (function() {

                const Started = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Started.create = function(properties) {
                    return new Started(properties);
                };

                Started.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Started.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Started();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        reader.skipType(tag & 7, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Started;
            })();

            v1.Ended = (function() {

                const Ended = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Ended.prototype.ranMs = 0;
                Ended.prototype.exited = false;
                Ended.prototype.exitCode = 0;
                Ended.prototype.signal = 0;
                Ended.prototype.userS = 0;
                Ended.prototype.systemS = 0;
                Ended.prototype.maxRssKib = 0;
                Ended.prototype.tail = "";
                Ended.prototype.killed = 0;
                Ended.prototype.note = "";

                Ended.create = function(properties) {
                    return new Ended(properties);
                };

                Ended.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.ranMs != null && $Object.hasOwnProperty.call(message, "ranMs") && !$Object.is(message.ranMs, 0))
                        writer.uint32(9).double(message.ranMs);
                    if (message.exited != null && $Object.hasOwnProperty.call(message, "exited") && message.exited !== false)
                        writer.uint32(16).bool(message.exited);
                    if (message.exitCode != null && $Object.hasOwnProperty.call(message, "exitCode") && message.exitCode !== 0)
                        writer.uint32(24).int32(message.exitCode);
                    if (message.signal != null && $Object.hasOwnProperty.call(message, "signal") && message.signal !== 0)
                        writer.uint32(32).uint32(message.signal);
                    if (message.userS != null && $Object.hasOwnProperty.call(message, "userS") && !$Object.is(message.userS, 0))
                        writer.uint32(41).double(message.userS);
                    if (message.systemS != null && $Object.hasOwnProperty.call(message, "systemS") && !$Object.is(message.systemS, 0))
                        writer.uint32(49).double(message.systemS);
                    if (message.maxRssKib != null && $Object.hasOwnProperty.call(message, "maxRssKib") && !$Object.is(message.maxRssKib, 0))
                        writer.uint32(57).double(message.maxRssKib);
                    if (message.tail != null && $Object.hasOwnProperty.call(message, "tail") && message.tail !== "")
                        writer.uint32(66).string(message.tail);
                    if (message.killed != null && $Object.hasOwnProperty.call(message, "killed") && message.killed !== 0)
                        writer.uint32(72).int32(message.killed);
                    if (message.note != null && $Object.hasOwnProperty.call(message, "note") && message.note !== "")
                        writer.uint32(82).string(message.note);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Ended.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Ended();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 1)
                                    break;
                                if (!$Object.is(value = reader.double(), 0))
                                    message.ranMs = value;
                                else
                                    delete message.ranMs;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.bool())
                                    message.exited = value;
                                else
                                    delete message.exited;
                                continue;
                            }
                        case 3: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.int32())
                                    message.exitCode = value;
                                else
                                    delete message.exitCode;
                                continue;
                            }
                        case 4: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.uint32())
                                    message.signal = value;
                                else
                                    delete message.signal;
                                continue;
                            }
                        case 5: {
                                if (wireType !== 1)
                                    break;
                                if (!$Object.is(value = reader.double(), 0))
                                    message.userS = value;
                                else
                                    delete message.userS;
                                continue;
                            }
                        case 6: {
                                if (wireType !== 1)
                                    break;
                                if (!$Object.is(value = reader.double(), 0))
                                    message.systemS = value;
                                else
                                    delete message.systemS;
                                continue;
                            }
                        case 7: {
                                if (wireType !== 1)
                                    break;
                                if (!$Object.is(value = reader.double(), 0))
                                    message.maxRssKib = value;
                                else
                                    delete message.maxRssKib;
                                continue;
                            }
                        case 8: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.tail = value;
                                else
                                    delete message.tail;
                                continue;
                            }
                        case 9: {
                                if (wireType !== 0)
                                    break;
                                if (value = reader.int32())
                                    message.killed = value;
                                else
                                    delete message.killed;
                                continue;
                            }
                        case 10: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.note = value;
                                else
                                    delete message.note;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Ended;
            })();

            v1.KillCause = (function() {
                const valuesById = $Object.create(null), values = $Object.create(valuesById);
                values[valuesById[0] = "KILL_CAUSE_NONE"] = 0;
                values[valuesById[1] = "KILL_CAUSE_USER"] = 1;
                values[valuesById[2] = "KILL_CAUSE_TIMEOUT"] = 2;
                values[valuesById[3] = "KILL_CAUSE_LOST"] = 3;
                return values;
            })();

            v1.Patch = (function() {

                const Patch = function (properties) {
                    this.removed = [];
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Patch.prototype.dataJson = "";
                Patch.prototype.removed = $util.emptyArray;
                Patch.prototype.fieldsJson = "";

                Patch.create = function(properties) {
                    return new Patch(properties);
                };

                Patch.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.dataJson != null && $Object.hasOwnProperty.call(message, "dataJson") && message.dataJson !== "")
                        writer.uint32(10).string(message.dataJson);
                    if (message.removed != null && message.removed.length)
                        for (let i = 0; i < message.removed.length; ++i)
                            writer.uint32(18).string(message.removed[i]);
                    if (message.fieldsJson != null && $Object.hasOwnProperty.call(message, "fieldsJson") && message.fieldsJson !== "")
                        writer.uint32(26).string(message.fieldsJson);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Patch.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Patch();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.dataJson = value;
                                else
                                    delete message.dataJson;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if (!(message.removed && message.removed.length))
                                    message.removed = [];
                                message.removed.push(reader.stringVerify());
                                continue;
                            }
                        case 3: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.fieldsJson = value;
                                else
                                    delete message.fieldsJson;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Patch;
            })();

            v1.Retracted = (function() {

                const Retracted = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Retracted.create = function(properties) {
                    return new Retracted(properties);
                };

                Retracted.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Retracted.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Retracted();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        reader.skipType(tag & 7, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Retracted;
            })();

            v1.Request = (function() {

                const Request = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                Request.prototype.op = "";
                Request.prototype.json = "";

                Request.create = function(properties) {
                    return new Request(properties);
                };

                Request.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.op != null && $Object.hasOwnProperty.call(message, "op") && message.op !== "")
                        writer.uint32(10).string(message.op);
                    if (message.json != null && $Object.hasOwnProperty.call(message, "json") && message.json !== "")
                        writer.uint32(18).string(message.json);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                Request.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.Request();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.op = value;
                                else
                                    delete message.op;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.json = value;
                                else
                                    delete message.json;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return Request;
            })();

            v1.NotStarted = (function() {

                const NotStarted = function (properties) {
                    if (properties)
                        for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                            if (properties[keys[i]] != null && keys[i] !== "__proto__")
                                this[keys[i]] = properties[keys[i]];
                };

                NotStarted.prototype.stage = "";
                NotStarted.prototype.message = "";

                NotStarted.create = function(properties) {
                    return new NotStarted(properties);
                };

                NotStarted.encode = function (message, writer, _depth) {
                    if (!writer)
                        writer = $Writer.create();
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $util.recursionLimit)
                        throw $Error("max depth exceeded");
                    if (message.stage != null && $Object.hasOwnProperty.call(message, "stage") && message.stage !== "")
                        writer.uint32(10).string(message.stage);
                    if (message.message != null && $Object.hasOwnProperty.call(message, "message") && message.message !== "")
                        writer.uint32(18).string(message.message);
                    if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                        for (let i = 0; i < message.$unknowns.length; ++i)
                            writer.raw(message.$unknowns[i]);
                    return writer;
                };

                NotStarted.decode = function (reader, length, _end, _depth, _target) {
                    if (!(reader instanceof $Reader))
                        reader = $Reader.create(reader);
                    if (_depth === $undefined)
                        _depth = 0;
                    if (_depth > $Reader.recursionLimit)
                        throw $Error("max depth exceeded");
                    let end, message, value;
                    if (length === $undefined)
                        end = reader.len;
                    else {
                        end = reader.pos + length;
                        if (end > reader.len)
                            throw $RangeError("index out of range");
                        length = reader.len;
                        reader.len = end;
                    }
                    message = _target || new $root.balsam.launcher.v1.NotStarted();
                    while (reader.pos < end) {
                        let start = reader.pos;
                        let tag = reader.tag();
                        if (tag === _end) {
                            _end = $undefined;
                            break;
                        }
                        let wireType = tag & 7;
                        switch (tag >>>= 3) {
                        case 1: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.stage = value;
                                else
                                    delete message.stage;
                                continue;
                            }
                        case 2: {
                                if (wireType !== 2)
                                    break;
                                if ((value = reader.stringVerify()).length)
                                    message.message = value;
                                else
                                    delete message.message;
                                continue;
                            }
                        }
                        reader.skipType(wireType, _depth, tag);
                        if (!reader.discardUnknown) {
                            $util.makeProp(message, "$unknowns", false);
                            (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                        }
                    }
                    if (length !== $undefined) {
                        if (reader.pos !== end)
                            throw $RangeError("index out of range");
                        reader.len = length;
                    }
                    if (_end !== $undefined)
                        throw $Error("missing end group");
                    return message;
                };

                return NotStarted;
            })();

            return v1;
        })();

        return launcher;
    })();

    return balsam;
})();

export {
  $root as default
};
