import * as $protobuf from "protobufjs/minimal.js";

/** Namespace balsam. */
export namespace balsam {

    /** Namespace launcher. */
    namespace launcher {

        /** Namespace v1. */
        namespace v1 {

            /**
             * Properties of an Envelope.
             * @deprecated Use balsam.launcher.v1.Envelope.$Properties instead.
             */
            interface IEnvelope extends balsam.launcher.v1.Envelope.$Properties {
            }

            /** Represents an Envelope. */
            class Envelope {

                /**
                 * Constructs a new Envelope.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Envelope.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Envelope version. */
                version: number;

                /** Envelope launcher. */
                launcher: number;

                /** Envelope epoch. */
                epoch: number;

                /** Envelope incarnation. */
                incarnation: string;

                /** Envelope hello. */
                hello?: (balsam.launcher.v1.Hello.$Properties|null);

                /** Envelope echo. */
                echo?: (balsam.launcher.v1.Echo.$Properties|null);

                /** Envelope commands. */
                commands?: (balsam.launcher.v1.Commands.$Properties|null);

                /** Envelope dismissed. */
                dismissed?: (balsam.launcher.v1.Dismissed.$Properties|null);

                /** Envelope join. */
                join?: (balsam.launcher.v1.Join.$Properties|null);

                /** Envelope heartbeat. */
                heartbeat?: (balsam.launcher.v1.Heartbeat.$Properties|null);

                /** Envelope reports. */
                reports?: (balsam.launcher.v1.Reports.$Properties|null);

                /** Envelope body. */
                body?: ("hello"|"echo"|"commands"|"dismissed"|"join"|"heartbeat"|"reports");

                /**
                 * Creates a new Envelope instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Envelope instance
                 */
                static create(properties: balsam.launcher.v1.Envelope.$Shape): balsam.launcher.v1.Envelope & balsam.launcher.v1.Envelope.$Shape;
                static create(properties?: balsam.launcher.v1.Envelope.$Properties): balsam.launcher.v1.Envelope;

                /**
                 * Encodes the specified Envelope message. Does not implicitly {@link balsam.launcher.v1.Envelope.verify|verify} messages.
                 * @param message Envelope message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Envelope.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes an Envelope message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Envelope & balsam.launcher.v1.Envelope.$Shape} Envelope
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Envelope & balsam.launcher.v1.Envelope.$Shape;
            }

            namespace Envelope {

                /** Properties of an Envelope. */
                interface $Properties {

                    /** Envelope version */
                    version?: (number|null);

                    /** Envelope launcher */
                    launcher?: (number|null);

                    /** Envelope epoch */
                    epoch?: (number|null);

                    /** Envelope incarnation */
                    incarnation?: (string|null);

                    /** Envelope hello */
                    hello?: (balsam.launcher.v1.Hello.$Properties|null);

                    /** Envelope echo */
                    echo?: (balsam.launcher.v1.Echo.$Properties|null);

                    /** Envelope commands */
                    commands?: (balsam.launcher.v1.Commands.$Properties|null);

                    /** Envelope dismissed */
                    dismissed?: (balsam.launcher.v1.Dismissed.$Properties|null);

                    /** Envelope join */
                    join?: (balsam.launcher.v1.Join.$Properties|null);

                    /** Envelope heartbeat */
                    heartbeat?: (balsam.launcher.v1.Heartbeat.$Properties|null);

                    /** Envelope reports */
                    reports?: (balsam.launcher.v1.Reports.$Properties|null);

                    /** Envelope body */
                    body?: ("hello"|"echo"|"commands"|"dismissed"|"join"|"heartbeat"|"reports");

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Narrowed shape of an Envelope. */
                type $Shape = {
                  version?: number|null;
                  launcher?: number|null;
                  epoch?: number|null;
                  incarnation?: string|null;
                  hello?: balsam.launcher.v1.Hello.$Shape|null;
                  echo?: balsam.launcher.v1.Echo.$Shape|null;
                  commands?: balsam.launcher.v1.Commands.$Shape|null;
                  dismissed?: balsam.launcher.v1.Dismissed.$Shape|null;
                  join?: balsam.launcher.v1.Join.$Shape|null;
                  heartbeat?: balsam.launcher.v1.Heartbeat.$Shape|null;
                  reports?: balsam.launcher.v1.Reports.$Shape|null;
                  $unknowns?: Uint8Array[];
                } & (
                  ({ body?: undefined; hello?: null; echo?: null; commands?: null; dismissed?: null; join?: null; heartbeat?: null; reports?: null }|{ body?: "hello"; hello: balsam.launcher.v1.Hello.$Shape; echo?: null; commands?: null; dismissed?: null; join?: null; heartbeat?: null; reports?: null }|{ body?: "echo"; hello?: null; echo: balsam.launcher.v1.Echo.$Shape; commands?: null; dismissed?: null; join?: null; heartbeat?: null; reports?: null }|{ body?: "commands"; hello?: null; echo?: null; commands: balsam.launcher.v1.Commands.$Shape; dismissed?: null; join?: null; heartbeat?: null; reports?: null }|{ body?: "dismissed"; hello?: null; echo?: null; commands?: null; dismissed: balsam.launcher.v1.Dismissed.$Shape; join?: null; heartbeat?: null; reports?: null }|{ body?: "join"; hello?: null; echo?: null; commands?: null; dismissed?: null; join: balsam.launcher.v1.Join.$Shape; heartbeat?: null; reports?: null }|{ body?: "heartbeat"; hello?: null; echo?: null; commands?: null; dismissed?: null; join?: null; heartbeat: balsam.launcher.v1.Heartbeat.$Shape; reports?: null }|{ body?: "reports"; hello?: null; echo?: null; commands?: null; dismissed?: null; join?: null; heartbeat?: null; reports: balsam.launcher.v1.Reports.$Shape })
                );
            }

            /**
             * Properties of a Hello.
             * @deprecated Use balsam.launcher.v1.Hello.$Properties instead.
             */
            interface IHello extends balsam.launcher.v1.Hello.$Properties {
            }

            /** Represents a Hello. */
            class Hello {

                /**
                 * Constructs a new Hello.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Hello.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /**
                 * Creates a new Hello instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Hello instance
                 */
                static create(properties: balsam.launcher.v1.Hello.$Shape): balsam.launcher.v1.Hello & balsam.launcher.v1.Hello.$Shape;
                static create(properties?: balsam.launcher.v1.Hello.$Properties): balsam.launcher.v1.Hello;

                /**
                 * Encodes the specified Hello message. Does not implicitly {@link balsam.launcher.v1.Hello.verify|verify} messages.
                 * @param message Hello message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Hello.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Hello message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Hello & balsam.launcher.v1.Hello.$Shape} Hello
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Hello & balsam.launcher.v1.Hello.$Shape;
            }

            namespace Hello {

                /** Properties of a Hello. */
                interface $Properties {

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Hello. */
                type $Shape = balsam.launcher.v1.Hello.$Properties;
            }

            /**
             * Properties of an Echo.
             * @deprecated Use balsam.launcher.v1.Echo.$Properties instead.
             */
            interface IEcho extends balsam.launcher.v1.Echo.$Properties {
            }

            /** Represents an Echo. */
            class Echo {

                /**
                 * Constructs a new Echo.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Echo.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Echo number. */
                number: number;

                /** Echo receivedReports. */
                receivedReports: number;

                /** Echo committedReports. */
                committedReports: number;

                /**
                 * Creates a new Echo instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Echo instance
                 */
                static create(properties: balsam.launcher.v1.Echo.$Shape): balsam.launcher.v1.Echo & balsam.launcher.v1.Echo.$Shape;
                static create(properties?: balsam.launcher.v1.Echo.$Properties): balsam.launcher.v1.Echo;

                /**
                 * Encodes the specified Echo message. Does not implicitly {@link balsam.launcher.v1.Echo.verify|verify} messages.
                 * @param message Echo message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Echo.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes an Echo message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Echo & balsam.launcher.v1.Echo.$Shape} Echo
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Echo & balsam.launcher.v1.Echo.$Shape;
            }

            namespace Echo {

                /** Properties of an Echo. */
                interface $Properties {

                    /** Echo number */
                    number?: (number|null);

                    /** Echo receivedReports */
                    receivedReports?: (number|null);

                    /** Echo committedReports */
                    committedReports?: (number|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of an Echo. */
                type $Shape = balsam.launcher.v1.Echo.$Properties;
            }

            /**
             * Properties of a Commands.
             * @deprecated Use balsam.launcher.v1.Commands.$Properties instead.
             */
            interface ICommands extends balsam.launcher.v1.Commands.$Properties {
            }

            /** Represents a Commands. */
            class Commands {

                /**
                 * Constructs a new Commands.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Commands.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Commands commands. */
                commands: balsam.launcher.v1.Command.$Properties[];

                /**
                 * Creates a new Commands instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Commands instance
                 */
                static create(properties: balsam.launcher.v1.Commands.$Shape): balsam.launcher.v1.Commands & balsam.launcher.v1.Commands.$Shape;
                static create(properties?: balsam.launcher.v1.Commands.$Properties): balsam.launcher.v1.Commands;

                /**
                 * Encodes the specified Commands message. Does not implicitly {@link balsam.launcher.v1.Commands.verify|verify} messages.
                 * @param message Commands message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Commands.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Commands message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Commands & balsam.launcher.v1.Commands.$Shape} Commands
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Commands & balsam.launcher.v1.Commands.$Shape;
            }

            namespace Commands {

                /** Properties of a Commands. */
                interface $Properties {

                    /** Commands commands */
                    commands?: (balsam.launcher.v1.Command.$Properties[]|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Commands. */
                type $Shape = {
                  commands?: balsam.launcher.v1.Command.$Shape[]|null;
                  $unknowns?: Uint8Array[];
                };
            }

            /**
             * Properties of a Command.
             * @deprecated Use balsam.launcher.v1.Command.$Properties instead.
             */
            interface ICommand extends balsam.launcher.v1.Command.$Properties {
            }

            /** Represents a Command. */
            class Command {

                /**
                 * Constructs a new Command.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Command.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Command seq. */
                seq: number;

                /** Command start. */
                start?: (balsam.launcher.v1.Start.$Properties|null);

                /** Command kill. */
                kill?: (balsam.launcher.v1.Kill.$Properties|null);

                /** Command retract. */
                retract?: (balsam.launcher.v1.Retract.$Properties|null);

                /** Command committed. */
                committed?: (balsam.launcher.v1.Committed.$Properties|null);

                /** Command drain. */
                drain?: (balsam.launcher.v1.Drain.$Properties|null);

                /** Command body. */
                body?: ("start"|"kill"|"retract"|"committed"|"drain");

                /**
                 * Creates a new Command instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Command instance
                 */
                static create(properties: balsam.launcher.v1.Command.$Shape): balsam.launcher.v1.Command & balsam.launcher.v1.Command.$Shape;
                static create(properties?: balsam.launcher.v1.Command.$Properties): balsam.launcher.v1.Command;

                /**
                 * Encodes the specified Command message. Does not implicitly {@link balsam.launcher.v1.Command.verify|verify} messages.
                 * @param message Command message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Command.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Command message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Command & balsam.launcher.v1.Command.$Shape} Command
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Command & balsam.launcher.v1.Command.$Shape;
            }

            namespace Command {

                /** Properties of a Command. */
                interface $Properties {

                    /** Command seq */
                    seq?: (number|null);

                    /** Command start */
                    start?: (balsam.launcher.v1.Start.$Properties|null);

                    /** Command kill */
                    kill?: (balsam.launcher.v1.Kill.$Properties|null);

                    /** Command retract */
                    retract?: (balsam.launcher.v1.Retract.$Properties|null);

                    /** Command committed */
                    committed?: (balsam.launcher.v1.Committed.$Properties|null);

                    /** Command drain */
                    drain?: (balsam.launcher.v1.Drain.$Properties|null);

                    /** Command body */
                    body?: ("start"|"kill"|"retract"|"committed"|"drain");

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Narrowed shape of a Command. */
                type $Shape = {
                  seq?: number|null;
                  start?: balsam.launcher.v1.Start.$Shape|null;
                  kill?: balsam.launcher.v1.Kill.$Shape|null;
                  retract?: balsam.launcher.v1.Retract.$Shape|null;
                  committed?: balsam.launcher.v1.Committed.$Shape|null;
                  drain?: balsam.launcher.v1.Drain.$Shape|null;
                  $unknowns?: Uint8Array[];
                } & (
                  ({ body?: undefined; start?: null; kill?: null; retract?: null; committed?: null; drain?: null }|{ body?: "start"; start: balsam.launcher.v1.Start.$Shape; kill?: null; retract?: null; committed?: null; drain?: null }|{ body?: "kill"; start?: null; kill: balsam.launcher.v1.Kill.$Shape; retract?: null; committed?: null; drain?: null }|{ body?: "retract"; start?: null; kill?: null; retract: balsam.launcher.v1.Retract.$Shape; committed?: null; drain?: null }|{ body?: "committed"; start?: null; kill?: null; retract?: null; committed: balsam.launcher.v1.Committed.$Shape; drain?: null }|{ body?: "drain"; start?: null; kill?: null; retract?: null; committed?: null; drain: balsam.launcher.v1.Drain.$Shape })
                );
            }

            /**
             * Properties of a Start.
             * @deprecated Use balsam.launcher.v1.Start.$Properties instead.
             */
            interface IStart extends balsam.launcher.v1.Start.$Properties {
            }

            /** Represents a Start. */
            class Start {

                /**
                 * Constructs a new Start.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Start.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Start apps. */
                apps: balsam.launcher.v1.App.$Properties[];

                /** Start jobs. */
                jobs: balsam.launcher.v1.Job.$Properties[];

                /**
                 * Creates a new Start instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Start instance
                 */
                static create(properties: balsam.launcher.v1.Start.$Shape): balsam.launcher.v1.Start & balsam.launcher.v1.Start.$Shape;
                static create(properties?: balsam.launcher.v1.Start.$Properties): balsam.launcher.v1.Start;

                /**
                 * Encodes the specified Start message. Does not implicitly {@link balsam.launcher.v1.Start.verify|verify} messages.
                 * @param message Start message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Start.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Start message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Start & balsam.launcher.v1.Start.$Shape} Start
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Start & balsam.launcher.v1.Start.$Shape;
            }

            namespace Start {

                /** Properties of a Start. */
                interface $Properties {

                    /** Start apps */
                    apps?: (balsam.launcher.v1.App.$Properties[]|null);

                    /** Start jobs */
                    jobs?: (balsam.launcher.v1.Job.$Properties[]|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Start. */
                type $Shape = balsam.launcher.v1.Start.$Properties;
            }

            /**
             * Properties of an App.
             * @deprecated Use balsam.launcher.v1.App.$Properties instead.
             */
            interface IApp extends balsam.launcher.v1.App.$Properties {
            }

            /** Represents an App. */
            class App {

                /**
                 * Constructs a new App.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.App.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** App index. */
                index: number;

                /** App name. */
                name: string;

                /** App executable. */
                executable: string;

                /** App envscript. */
                envscript: string;

                /**
                 * Creates a new App instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns App instance
                 */
                static create(properties: balsam.launcher.v1.App.$Shape): balsam.launcher.v1.App & balsam.launcher.v1.App.$Shape;
                static create(properties?: balsam.launcher.v1.App.$Properties): balsam.launcher.v1.App;

                /**
                 * Encodes the specified App message. Does not implicitly {@link balsam.launcher.v1.App.verify|verify} messages.
                 * @param message App message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.App.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes an App message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.App & balsam.launcher.v1.App.$Shape} App
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.App & balsam.launcher.v1.App.$Shape;
            }

            namespace App {

                /** Properties of an App. */
                interface $Properties {

                    /** App index */
                    index?: (number|null);

                    /** App name */
                    name?: (string|null);

                    /** App executable */
                    executable?: (string|null);

                    /** App envscript */
                    envscript?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of an App. */
                type $Shape = balsam.launcher.v1.App.$Properties;
            }

            /**
             * Properties of a Job.
             * @deprecated Use balsam.launcher.v1.Job.$Properties instead.
             */
            interface IJob extends balsam.launcher.v1.Job.$Properties {
            }

            /** Represents a Job. */
            class Job {

                /**
                 * Constructs a new Job.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Job.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Job id. */
                id: string;

                /** Job attempt. */
                attempt: number;

                /** Job app. */
                app: number;

                /** Job name. */
                name: string;

                /** Job workflow. */
                workflow: string;

                /** Job args. */
                args: string;

                /** Job environVars. */
                environVars: string;

                /** Job userWorkdir. */
                userWorkdir: string;

                /** Job mpiFlags. */
                mpiFlags: string;

                /** Job parents. */
                parents: string;

                /** Job cpuAffinity. */
                cpuAffinity: string;

                /** Job numNodes. */
                numNodes: number;

                /** Job ranksPerNode. */
                ranksPerNode: number;

                /** Job threadsPerRank. */
                threadsPerRank: number;

                /** Job threadsPerCore. */
                threadsPerCore: number;

                /** Job packing. */
                packing: number;

                /** Job hosts. */
                hosts: string[];

                /** Job nodes. */
                nodes: number[];

                /**
                 * Creates a new Job instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Job instance
                 */
                static create(properties: balsam.launcher.v1.Job.$Shape): balsam.launcher.v1.Job & balsam.launcher.v1.Job.$Shape;
                static create(properties?: balsam.launcher.v1.Job.$Properties): balsam.launcher.v1.Job;

                /**
                 * Encodes the specified Job message. Does not implicitly {@link balsam.launcher.v1.Job.verify|verify} messages.
                 * @param message Job message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Job.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Job message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Job & balsam.launcher.v1.Job.$Shape} Job
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Job & balsam.launcher.v1.Job.$Shape;
            }

            namespace Job {

                /** Properties of a Job. */
                interface $Properties {

                    /** Job id */
                    id?: (string|null);

                    /** Job attempt */
                    attempt?: (number|null);

                    /** Job app */
                    app?: (number|null);

                    /** Job name */
                    name?: (string|null);

                    /** Job workflow */
                    workflow?: (string|null);

                    /** Job args */
                    args?: (string|null);

                    /** Job environVars */
                    environVars?: (string|null);

                    /** Job userWorkdir */
                    userWorkdir?: (string|null);

                    /** Job mpiFlags */
                    mpiFlags?: (string|null);

                    /** Job parents */
                    parents?: (string|null);

                    /** Job cpuAffinity */
                    cpuAffinity?: (string|null);

                    /** Job numNodes */
                    numNodes?: (number|null);

                    /** Job ranksPerNode */
                    ranksPerNode?: (number|null);

                    /** Job threadsPerRank */
                    threadsPerRank?: (number|null);

                    /** Job threadsPerCore */
                    threadsPerCore?: (number|null);

                    /** Job packing */
                    packing?: (number|null);

                    /** Job hosts */
                    hosts?: (string[]|null);

                    /** Job nodes */
                    nodes?: (number[]|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Job. */
                type $Shape = balsam.launcher.v1.Job.$Properties;
            }

            /**
             * Properties of a JobRef.
             * @deprecated Use balsam.launcher.v1.JobRef.$Properties instead.
             */
            interface IJobRef extends balsam.launcher.v1.JobRef.$Properties {
            }

            /** Represents a JobRef. */
            class JobRef {

                /**
                 * Constructs a new JobRef.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.JobRef.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** JobRef id. */
                id: string;

                /** JobRef attempt. */
                attempt: number;

                /**
                 * Creates a new JobRef instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns JobRef instance
                 */
                static create(properties: balsam.launcher.v1.JobRef.$Shape): balsam.launcher.v1.JobRef & balsam.launcher.v1.JobRef.$Shape;
                static create(properties?: balsam.launcher.v1.JobRef.$Properties): balsam.launcher.v1.JobRef;

                /**
                 * Encodes the specified JobRef message. Does not implicitly {@link balsam.launcher.v1.JobRef.verify|verify} messages.
                 * @param message JobRef message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.JobRef.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a JobRef message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.JobRef & balsam.launcher.v1.JobRef.$Shape} JobRef
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.JobRef & balsam.launcher.v1.JobRef.$Shape;
            }

            namespace JobRef {

                /** Properties of a JobRef. */
                interface $Properties {

                    /** JobRef id */
                    id?: (string|null);

                    /** JobRef attempt */
                    attempt?: (number|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a JobRef. */
                type $Shape = balsam.launcher.v1.JobRef.$Properties;
            }

            /**
             * Properties of a Kill.
             * @deprecated Use balsam.launcher.v1.Kill.$Properties instead.
             */
            interface IKill extends balsam.launcher.v1.Kill.$Properties {
            }

            /** Represents a Kill. */
            class Kill {

                /**
                 * Constructs a new Kill.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Kill.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Kill jobs. */
                jobs: balsam.launcher.v1.JobRef.$Properties[];

                /** Kill reason. */
                reason: balsam.launcher.v1.KillReason;

                /**
                 * Creates a new Kill instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Kill instance
                 */
                static create(properties: balsam.launcher.v1.Kill.$Shape): balsam.launcher.v1.Kill & balsam.launcher.v1.Kill.$Shape;
                static create(properties?: balsam.launcher.v1.Kill.$Properties): balsam.launcher.v1.Kill;

                /**
                 * Encodes the specified Kill message. Does not implicitly {@link balsam.launcher.v1.Kill.verify|verify} messages.
                 * @param message Kill message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Kill.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Kill message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Kill & balsam.launcher.v1.Kill.$Shape} Kill
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Kill & balsam.launcher.v1.Kill.$Shape;
            }

            namespace Kill {

                /** Properties of a Kill. */
                interface $Properties {

                    /** Kill jobs */
                    jobs?: (balsam.launcher.v1.JobRef.$Properties[]|null);

                    /** Kill reason */
                    reason?: (balsam.launcher.v1.KillReason|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Kill. */
                type $Shape = balsam.launcher.v1.Kill.$Properties;
            }

            /** KillReason enum. */
            enum KillReason {

                /** KILL_REASON_UNSPECIFIED value */
                KILL_REASON_UNSPECIFIED = 0,

                /** KILL_REASON_USER value */
                KILL_REASON_USER = 1,

                /** KILL_REASON_TIMEOUT value */
                KILL_REASON_TIMEOUT = 2,

                /** KILL_REASON_LOST value */
                KILL_REASON_LOST = 3,

                /** KILL_REASON_NOW value */
                KILL_REASON_NOW = 4
            }

            /**
             * Properties of a Retract.
             * @deprecated Use balsam.launcher.v1.Retract.$Properties instead.
             */
            interface IRetract extends balsam.launcher.v1.Retract.$Properties {
            }

            /** Represents a Retract. */
            class Retract {

                /**
                 * Constructs a new Retract.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Retract.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Retract jobs. */
                jobs: balsam.launcher.v1.JobRef.$Properties[];

                /**
                 * Creates a new Retract instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Retract instance
                 */
                static create(properties: balsam.launcher.v1.Retract.$Shape): balsam.launcher.v1.Retract & balsam.launcher.v1.Retract.$Shape;
                static create(properties?: balsam.launcher.v1.Retract.$Properties): balsam.launcher.v1.Retract;

                /**
                 * Encodes the specified Retract message. Does not implicitly {@link balsam.launcher.v1.Retract.verify|verify} messages.
                 * @param message Retract message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Retract.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Retract message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Retract & balsam.launcher.v1.Retract.$Shape} Retract
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Retract & balsam.launcher.v1.Retract.$Shape;
            }

            namespace Retract {

                /** Properties of a Retract. */
                interface $Properties {

                    /** Retract jobs */
                    jobs?: (balsam.launcher.v1.JobRef.$Properties[]|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Retract. */
                type $Shape = balsam.launcher.v1.Retract.$Properties;
            }

            /**
             * Properties of a Committed.
             * @deprecated Use balsam.launcher.v1.Committed.$Properties instead.
             */
            interface ICommitted extends balsam.launcher.v1.Committed.$Properties {
            }

            /** Represents a Committed. */
            class Committed {

                /**
                 * Constructs a new Committed.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Committed.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Committed reports. */
                reports: number;

                /** Committed answers. */
                answers: balsam.launcher.v1.Answer.$Properties[];

                /**
                 * Creates a new Committed instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Committed instance
                 */
                static create(properties: balsam.launcher.v1.Committed.$Shape): balsam.launcher.v1.Committed & balsam.launcher.v1.Committed.$Shape;
                static create(properties?: balsam.launcher.v1.Committed.$Properties): balsam.launcher.v1.Committed;

                /**
                 * Encodes the specified Committed message. Does not implicitly {@link balsam.launcher.v1.Committed.verify|verify} messages.
                 * @param message Committed message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Committed.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Committed message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Committed & balsam.launcher.v1.Committed.$Shape} Committed
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Committed & balsam.launcher.v1.Committed.$Shape;
            }

            namespace Committed {

                /** Properties of a Committed. */
                interface $Properties {

                    /** Committed reports */
                    reports?: (number|null);

                    /** Committed answers */
                    answers?: (balsam.launcher.v1.Answer.$Properties[]|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Committed. */
                type $Shape = balsam.launcher.v1.Committed.$Properties;
            }

            /**
             * Properties of an Answer.
             * @deprecated Use balsam.launcher.v1.Answer.$Properties instead.
             */
            interface IAnswer extends balsam.launcher.v1.Answer.$Properties {
            }

            /** Represents an Answer. */
            class Answer {

                /**
                 * Constructs a new Answer.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Answer.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Answer request. */
                request: number;

                /** Answer json. */
                json: string;

                /** Answer error. */
                error: string;

                /**
                 * Creates a new Answer instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Answer instance
                 */
                static create(properties: balsam.launcher.v1.Answer.$Shape): balsam.launcher.v1.Answer & balsam.launcher.v1.Answer.$Shape;
                static create(properties?: balsam.launcher.v1.Answer.$Properties): balsam.launcher.v1.Answer;

                /**
                 * Encodes the specified Answer message. Does not implicitly {@link balsam.launcher.v1.Answer.verify|verify} messages.
                 * @param message Answer message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Answer.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes an Answer message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Answer & balsam.launcher.v1.Answer.$Shape} Answer
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Answer & balsam.launcher.v1.Answer.$Shape;
            }

            namespace Answer {

                /** Properties of an Answer. */
                interface $Properties {

                    /** Answer request */
                    request?: (number|null);

                    /** Answer json */
                    json?: (string|null);

                    /** Answer error */
                    error?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of an Answer. */
                type $Shape = balsam.launcher.v1.Answer.$Properties;
            }

            /**
             * Properties of a Drain.
             * @deprecated Use balsam.launcher.v1.Drain.$Properties instead.
             */
            interface IDrain extends balsam.launcher.v1.Drain.$Properties {
            }

            /** Represents a Drain. */
            class Drain {

                /**
                 * Constructs a new Drain.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Drain.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /**
                 * Creates a new Drain instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Drain instance
                 */
                static create(properties: balsam.launcher.v1.Drain.$Shape): balsam.launcher.v1.Drain & balsam.launcher.v1.Drain.$Shape;
                static create(properties?: balsam.launcher.v1.Drain.$Properties): balsam.launcher.v1.Drain;

                /**
                 * Encodes the specified Drain message. Does not implicitly {@link balsam.launcher.v1.Drain.verify|verify} messages.
                 * @param message Drain message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Drain.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Drain message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Drain & balsam.launcher.v1.Drain.$Shape} Drain
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Drain & balsam.launcher.v1.Drain.$Shape;
            }

            namespace Drain {

                /** Properties of a Drain. */
                interface $Properties {

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Drain. */
                type $Shape = balsam.launcher.v1.Drain.$Properties;
            }

            /**
             * Properties of a Dismissed.
             * @deprecated Use balsam.launcher.v1.Dismissed.$Properties instead.
             */
            interface IDismissed extends balsam.launcher.v1.Dismissed.$Properties {
            }

            /** Represents a Dismissed. */
            class Dismissed {

                /**
                 * Constructs a new Dismissed.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Dismissed.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Dismissed reason. */
                reason: string;

                /**
                 * Creates a new Dismissed instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Dismissed instance
                 */
                static create(properties: balsam.launcher.v1.Dismissed.$Shape): balsam.launcher.v1.Dismissed & balsam.launcher.v1.Dismissed.$Shape;
                static create(properties?: balsam.launcher.v1.Dismissed.$Properties): balsam.launcher.v1.Dismissed;

                /**
                 * Encodes the specified Dismissed message. Does not implicitly {@link balsam.launcher.v1.Dismissed.verify|verify} messages.
                 * @param message Dismissed message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Dismissed.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Dismissed message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Dismissed & balsam.launcher.v1.Dismissed.$Shape} Dismissed
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Dismissed & balsam.launcher.v1.Dismissed.$Shape;
            }

            namespace Dismissed {

                /** Properties of a Dismissed. */
                interface $Properties {

                    /** Dismissed reason */
                    reason?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Dismissed. */
                type $Shape = balsam.launcher.v1.Dismissed.$Properties;
            }

            /**
             * Properties of a Join.
             * @deprecated Use balsam.launcher.v1.Join.$Properties instead.
             */
            interface IJoin extends balsam.launcher.v1.Join.$Properties {
            }

            /** Represents a Join. */
            class Join {

                /**
                 * Constructs a new Join.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Join.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Join node. */
                node: number;

                /** Join hostname. */
                hostname: string;

                /** Join cpus. */
                cpus: number;

                /** Join gpus. */
                gpus: number;

                /** Join memoryBytes. */
                memoryBytes: number;

                /** Join agent. */
                agent?: (balsam.launcher.v1.ProcessIdentity.$Properties|null);

                /** Join guard. */
                guard?: (balsam.launcher.v1.ProcessIdentity.$Properties|null);

                /** Join endedIncarnation. */
                endedIncarnation: string;

                /** Join held. */
                held: balsam.launcher.v1.HeldAttempt.$Properties[];

                /** Join lastReport. */
                lastReport: number;

                /** Join oldestReport. */
                oldestReport: number;

                /** Join endedCrashed. */
                endedCrashed: boolean;

                /**
                 * Creates a new Join instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Join instance
                 */
                static create(properties: balsam.launcher.v1.Join.$Shape): balsam.launcher.v1.Join & balsam.launcher.v1.Join.$Shape;
                static create(properties?: balsam.launcher.v1.Join.$Properties): balsam.launcher.v1.Join;

                /**
                 * Encodes the specified Join message. Does not implicitly {@link balsam.launcher.v1.Join.verify|verify} messages.
                 * @param message Join message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Join.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Join message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Join & balsam.launcher.v1.Join.$Shape} Join
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Join & balsam.launcher.v1.Join.$Shape;
            }

            namespace Join {

                /** Properties of a Join. */
                interface $Properties {

                    /** Join node */
                    node?: (number|null);

                    /** Join hostname */
                    hostname?: (string|null);

                    /** Join cpus */
                    cpus?: (number|null);

                    /** Join gpus */
                    gpus?: (number|null);

                    /** Join memoryBytes */
                    memoryBytes?: (number|null);

                    /** Join agent */
                    agent?: (balsam.launcher.v1.ProcessIdentity.$Properties|null);

                    /** Join guard */
                    guard?: (balsam.launcher.v1.ProcessIdentity.$Properties|null);

                    /** Join endedIncarnation */
                    endedIncarnation?: (string|null);

                    /** Join held */
                    held?: (balsam.launcher.v1.HeldAttempt.$Properties[]|null);

                    /** Join lastReport */
                    lastReport?: (number|null);

                    /** Join oldestReport */
                    oldestReport?: (number|null);

                    /** Join endedCrashed */
                    endedCrashed?: (boolean|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Join. */
                type $Shape = balsam.launcher.v1.Join.$Properties;
            }

            /**
             * Properties of a ProcessIdentity.
             * @deprecated Use balsam.launcher.v1.ProcessIdentity.$Properties instead.
             */
            interface IProcessIdentity extends balsam.launcher.v1.ProcessIdentity.$Properties {
            }

            /** Represents a ProcessIdentity. */
            class ProcessIdentity {

                /**
                 * Constructs a new ProcessIdentity.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.ProcessIdentity.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** ProcessIdentity pid. */
                pid: number;

                /** ProcessIdentity startTime. */
                startTime: number;

                /** ProcessIdentity bootId. */
                bootId: string;

                /** ProcessIdentity pidNamespace. */
                pidNamespace: string;

                /** ProcessIdentity uid. */
                uid: number;

                /**
                 * Creates a new ProcessIdentity instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns ProcessIdentity instance
                 */
                static create(properties: balsam.launcher.v1.ProcessIdentity.$Shape): balsam.launcher.v1.ProcessIdentity & balsam.launcher.v1.ProcessIdentity.$Shape;
                static create(properties?: balsam.launcher.v1.ProcessIdentity.$Properties): balsam.launcher.v1.ProcessIdentity;

                /**
                 * Encodes the specified ProcessIdentity message. Does not implicitly {@link balsam.launcher.v1.ProcessIdentity.verify|verify} messages.
                 * @param message ProcessIdentity message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.ProcessIdentity.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a ProcessIdentity message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.ProcessIdentity & balsam.launcher.v1.ProcessIdentity.$Shape} ProcessIdentity
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.ProcessIdentity & balsam.launcher.v1.ProcessIdentity.$Shape;
            }

            namespace ProcessIdentity {

                /** Properties of a ProcessIdentity. */
                interface $Properties {

                    /** ProcessIdentity pid */
                    pid?: (number|null);

                    /** ProcessIdentity startTime */
                    startTime?: (number|null);

                    /** ProcessIdentity bootId */
                    bootId?: (string|null);

                    /** ProcessIdentity pidNamespace */
                    pidNamespace?: (string|null);

                    /** ProcessIdentity uid */
                    uid?: (number|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a ProcessIdentity. */
                type $Shape = balsam.launcher.v1.ProcessIdentity.$Properties;
            }

            /**
             * Properties of a HeldAttempt.
             * @deprecated Use balsam.launcher.v1.HeldAttempt.$Properties instead.
             */
            interface IHeldAttempt extends balsam.launcher.v1.HeldAttempt.$Properties {
            }

            /** Represents a HeldAttempt. */
            class HeldAttempt {

                /**
                 * Constructs a new HeldAttempt.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.HeldAttempt.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** HeldAttempt id. */
                id: string;

                /** HeldAttempt attempt. */
                attempt: number;

                /** HeldAttempt started. */
                started: boolean;

                /** HeldAttempt nodes. */
                nodes: number[];

                /**
                 * Creates a new HeldAttempt instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns HeldAttempt instance
                 */
                static create(properties: balsam.launcher.v1.HeldAttempt.$Shape): balsam.launcher.v1.HeldAttempt & balsam.launcher.v1.HeldAttempt.$Shape;
                static create(properties?: balsam.launcher.v1.HeldAttempt.$Properties): balsam.launcher.v1.HeldAttempt;

                /**
                 * Encodes the specified HeldAttempt message. Does not implicitly {@link balsam.launcher.v1.HeldAttempt.verify|verify} messages.
                 * @param message HeldAttempt message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.HeldAttempt.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a HeldAttempt message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.HeldAttempt & balsam.launcher.v1.HeldAttempt.$Shape} HeldAttempt
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.HeldAttempt & balsam.launcher.v1.HeldAttempt.$Shape;
            }

            namespace HeldAttempt {

                /** Properties of a HeldAttempt. */
                interface $Properties {

                    /** HeldAttempt id */
                    id?: (string|null);

                    /** HeldAttempt attempt */
                    attempt?: (number|null);

                    /** HeldAttempt started */
                    started?: (boolean|null);

                    /** HeldAttempt nodes */
                    nodes?: (number[]|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a HeldAttempt. */
                type $Shape = balsam.launcher.v1.HeldAttempt.$Properties;
            }

            /**
             * Properties of a Heartbeat.
             * @deprecated Use balsam.launcher.v1.Heartbeat.$Properties instead.
             */
            interface IHeartbeat extends balsam.launcher.v1.Heartbeat.$Properties {
            }

            /** Represents a Heartbeat. */
            class Heartbeat {

                /**
                 * Constructs a new Heartbeat.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Heartbeat.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Heartbeat number. */
                number: number;

                /** Heartbeat receivedCommands. */
                receivedCommands: number;

                /** Heartbeat lastReport. */
                lastReport: number;

                /** Heartbeat queued. */
                queued: number;

                /** Heartbeat running. */
                running: number;

                /** Heartbeat draining. */
                draining: boolean;

                /** Heartbeat short. */
                short: string;

                /** Heartbeat most. */
                most: number;

                /**
                 * Creates a new Heartbeat instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Heartbeat instance
                 */
                static create(properties: balsam.launcher.v1.Heartbeat.$Shape): balsam.launcher.v1.Heartbeat & balsam.launcher.v1.Heartbeat.$Shape;
                static create(properties?: balsam.launcher.v1.Heartbeat.$Properties): balsam.launcher.v1.Heartbeat;

                /**
                 * Encodes the specified Heartbeat message. Does not implicitly {@link balsam.launcher.v1.Heartbeat.verify|verify} messages.
                 * @param message Heartbeat message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Heartbeat.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Heartbeat message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Heartbeat & balsam.launcher.v1.Heartbeat.$Shape} Heartbeat
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Heartbeat & balsam.launcher.v1.Heartbeat.$Shape;
            }

            namespace Heartbeat {

                /** Properties of a Heartbeat. */
                interface $Properties {

                    /** Heartbeat number */
                    number?: (number|null);

                    /** Heartbeat receivedCommands */
                    receivedCommands?: (number|null);

                    /** Heartbeat lastReport */
                    lastReport?: (number|null);

                    /** Heartbeat queued */
                    queued?: (number|null);

                    /** Heartbeat running */
                    running?: (number|null);

                    /** Heartbeat draining */
                    draining?: (boolean|null);

                    /** Heartbeat short */
                    short?: (string|null);

                    /** Heartbeat most */
                    most?: (number|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Heartbeat. */
                type $Shape = balsam.launcher.v1.Heartbeat.$Properties;
            }

            /**
             * Properties of a Reports.
             * @deprecated Use balsam.launcher.v1.Reports.$Properties instead.
             */
            interface IReports extends balsam.launcher.v1.Reports.$Properties {
            }

            /** Represents a Reports. */
            class Reports {

                /**
                 * Constructs a new Reports.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Reports.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Reports reports. */
                reports: balsam.launcher.v1.Report.$Properties[];

                /** Reports receivedCommands. */
                receivedCommands: number;

                /**
                 * Creates a new Reports instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Reports instance
                 */
                static create(properties: balsam.launcher.v1.Reports.$Shape): balsam.launcher.v1.Reports & balsam.launcher.v1.Reports.$Shape;
                static create(properties?: balsam.launcher.v1.Reports.$Properties): balsam.launcher.v1.Reports;

                /**
                 * Encodes the specified Reports message. Does not implicitly {@link balsam.launcher.v1.Reports.verify|verify} messages.
                 * @param message Reports message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Reports.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Reports message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Reports & balsam.launcher.v1.Reports.$Shape} Reports
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Reports & balsam.launcher.v1.Reports.$Shape;
            }

            namespace Reports {

                /** Properties of a Reports. */
                interface $Properties {

                    /** Reports reports */
                    reports?: (balsam.launcher.v1.Report.$Properties[]|null);

                    /** Reports receivedCommands */
                    receivedCommands?: (number|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Reports. */
                type $Shape = {
                  reports?: balsam.launcher.v1.Report.$Shape[]|null;
                  receivedCommands?: number|null;
                  $unknowns?: Uint8Array[];
                };
            }

            /**
             * Properties of a Report.
             * @deprecated Use balsam.launcher.v1.Report.$Properties instead.
             */
            interface IReport extends balsam.launcher.v1.Report.$Properties {
            }

            /** Represents a Report. */
            class Report {

                /**
                 * Constructs a new Report.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Report.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Report seq. */
                seq: number;

                /** Report job. */
                job: string;

                /** Report attempt. */
                attempt: number;

                /** Report ageMs. */
                ageMs: number;

                /** Report started. */
                started?: (balsam.launcher.v1.Started.$Properties|null);

                /** Report ended. */
                ended?: (balsam.launcher.v1.Ended.$Properties|null);

                /** Report patch. */
                patch?: (balsam.launcher.v1.Patch.$Properties|null);

                /** Report retracted. */
                retracted?: (balsam.launcher.v1.Retracted.$Properties|null);

                /** Report request. */
                request?: (balsam.launcher.v1.Request.$Properties|null);

                /** Report notStarted. */
                notStarted?: (balsam.launcher.v1.NotStarted.$Properties|null);

                /** Report body. */
                body?: ("started"|"ended"|"patch"|"retracted"|"request"|"notStarted");

                /**
                 * Creates a new Report instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Report instance
                 */
                static create(properties: balsam.launcher.v1.Report.$Shape): balsam.launcher.v1.Report & balsam.launcher.v1.Report.$Shape;
                static create(properties?: balsam.launcher.v1.Report.$Properties): balsam.launcher.v1.Report;

                /**
                 * Encodes the specified Report message. Does not implicitly {@link balsam.launcher.v1.Report.verify|verify} messages.
                 * @param message Report message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Report.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Report message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Report & balsam.launcher.v1.Report.$Shape} Report
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Report & balsam.launcher.v1.Report.$Shape;
            }

            namespace Report {

                /** Properties of a Report. */
                interface $Properties {

                    /** Report seq */
                    seq?: (number|null);

                    /** Report job */
                    job?: (string|null);

                    /** Report attempt */
                    attempt?: (number|null);

                    /** Report ageMs */
                    ageMs?: (number|null);

                    /** Report started */
                    started?: (balsam.launcher.v1.Started.$Properties|null);

                    /** Report ended */
                    ended?: (balsam.launcher.v1.Ended.$Properties|null);

                    /** Report patch */
                    patch?: (balsam.launcher.v1.Patch.$Properties|null);

                    /** Report retracted */
                    retracted?: (balsam.launcher.v1.Retracted.$Properties|null);

                    /** Report request */
                    request?: (balsam.launcher.v1.Request.$Properties|null);

                    /** Report notStarted */
                    notStarted?: (balsam.launcher.v1.NotStarted.$Properties|null);

                    /** Report body */
                    body?: ("started"|"ended"|"patch"|"retracted"|"request"|"notStarted");

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Narrowed shape of a Report. */
                type $Shape = {
                  seq?: number|null;
                  job?: string|null;
                  attempt?: number|null;
                  ageMs?: number|null;
                  started?: balsam.launcher.v1.Started.$Shape|null;
                  ended?: balsam.launcher.v1.Ended.$Shape|null;
                  patch?: balsam.launcher.v1.Patch.$Shape|null;
                  retracted?: balsam.launcher.v1.Retracted.$Shape|null;
                  request?: balsam.launcher.v1.Request.$Shape|null;
                  notStarted?: balsam.launcher.v1.NotStarted.$Shape|null;
                  $unknowns?: Uint8Array[];
                } & (
                  ({ body?: undefined; started?: null; ended?: null; patch?: null; retracted?: null; request?: null; notStarted?: null }|{ body?: "started"; started: balsam.launcher.v1.Started.$Shape; ended?: null; patch?: null; retracted?: null; request?: null; notStarted?: null }|{ body?: "ended"; started?: null; ended: balsam.launcher.v1.Ended.$Shape; patch?: null; retracted?: null; request?: null; notStarted?: null }|{ body?: "patch"; started?: null; ended?: null; patch: balsam.launcher.v1.Patch.$Shape; retracted?: null; request?: null; notStarted?: null }|{ body?: "retracted"; started?: null; ended?: null; patch?: null; retracted: balsam.launcher.v1.Retracted.$Shape; request?: null; notStarted?: null }|{ body?: "request"; started?: null; ended?: null; patch?: null; retracted?: null; request: balsam.launcher.v1.Request.$Shape; notStarted?: null }|{ body?: "notStarted"; started?: null; ended?: null; patch?: null; retracted?: null; request?: null; notStarted: balsam.launcher.v1.NotStarted.$Shape })
                );
            }

            /**
             * Properties of a Started.
             * @deprecated Use balsam.launcher.v1.Started.$Properties instead.
             */
            interface IStarted extends balsam.launcher.v1.Started.$Properties {
            }

            /** Represents a Started. */
            class Started {

                /**
                 * Constructs a new Started.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Started.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /**
                 * Creates a new Started instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Started instance
                 */
                static create(properties: balsam.launcher.v1.Started.$Shape): balsam.launcher.v1.Started & balsam.launcher.v1.Started.$Shape;
                static create(properties?: balsam.launcher.v1.Started.$Properties): balsam.launcher.v1.Started;

                /**
                 * Encodes the specified Started message. Does not implicitly {@link balsam.launcher.v1.Started.verify|verify} messages.
                 * @param message Started message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Started.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Started message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Started & balsam.launcher.v1.Started.$Shape} Started
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Started & balsam.launcher.v1.Started.$Shape;
            }

            namespace Started {

                /** Properties of a Started. */
                interface $Properties {

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Started. */
                type $Shape = balsam.launcher.v1.Started.$Properties;
            }

            /**
             * Properties of an Ended.
             * @deprecated Use balsam.launcher.v1.Ended.$Properties instead.
             */
            interface IEnded extends balsam.launcher.v1.Ended.$Properties {
            }

            /** Represents an Ended. */
            class Ended {

                /**
                 * Constructs a new Ended.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Ended.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Ended ranMs. */
                ranMs: number;

                /** Ended exited. */
                exited: boolean;

                /** Ended exitCode. */
                exitCode: number;

                /** Ended signal. */
                signal: number;

                /** Ended userS. */
                userS: number;

                /** Ended systemS. */
                systemS: number;

                /** Ended maxRssKib. */
                maxRssKib: number;

                /** Ended tail. */
                tail: string;

                /** Ended killed. */
                killed: balsam.launcher.v1.KillCause;

                /** Ended note. */
                note: string;

                /**
                 * Creates a new Ended instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Ended instance
                 */
                static create(properties: balsam.launcher.v1.Ended.$Shape): balsam.launcher.v1.Ended & balsam.launcher.v1.Ended.$Shape;
                static create(properties?: balsam.launcher.v1.Ended.$Properties): balsam.launcher.v1.Ended;

                /**
                 * Encodes the specified Ended message. Does not implicitly {@link balsam.launcher.v1.Ended.verify|verify} messages.
                 * @param message Ended message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Ended.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes an Ended message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Ended & balsam.launcher.v1.Ended.$Shape} Ended
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Ended & balsam.launcher.v1.Ended.$Shape;
            }

            namespace Ended {

                /** Properties of an Ended. */
                interface $Properties {

                    /** Ended ranMs */
                    ranMs?: (number|null);

                    /** Ended exited */
                    exited?: (boolean|null);

                    /** Ended exitCode */
                    exitCode?: (number|null);

                    /** Ended signal */
                    signal?: (number|null);

                    /** Ended userS */
                    userS?: (number|null);

                    /** Ended systemS */
                    systemS?: (number|null);

                    /** Ended maxRssKib */
                    maxRssKib?: (number|null);

                    /** Ended tail */
                    tail?: (string|null);

                    /** Ended killed */
                    killed?: (balsam.launcher.v1.KillCause|null);

                    /** Ended note */
                    note?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of an Ended. */
                type $Shape = balsam.launcher.v1.Ended.$Properties;
            }

            /** KillCause enum. */
            enum KillCause {

                /** KILL_CAUSE_NONE value */
                KILL_CAUSE_NONE = 0,

                /** KILL_CAUSE_USER value */
                KILL_CAUSE_USER = 1,

                /** KILL_CAUSE_TIMEOUT value */
                KILL_CAUSE_TIMEOUT = 2,

                /** KILL_CAUSE_LOST value */
                KILL_CAUSE_LOST = 3
            }

            /**
             * Properties of a Patch.
             * @deprecated Use balsam.launcher.v1.Patch.$Properties instead.
             */
            interface IPatch extends balsam.launcher.v1.Patch.$Properties {
            }

            /** Represents a Patch. */
            class Patch {

                /**
                 * Constructs a new Patch.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Patch.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Patch dataJson. */
                dataJson: string;

                /** Patch removed. */
                removed: string[];

                /** Patch fieldsJson. */
                fieldsJson: string;

                /**
                 * Creates a new Patch instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Patch instance
                 */
                static create(properties: balsam.launcher.v1.Patch.$Shape): balsam.launcher.v1.Patch & balsam.launcher.v1.Patch.$Shape;
                static create(properties?: balsam.launcher.v1.Patch.$Properties): balsam.launcher.v1.Patch;

                /**
                 * Encodes the specified Patch message. Does not implicitly {@link balsam.launcher.v1.Patch.verify|verify} messages.
                 * @param message Patch message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Patch.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Patch message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Patch & balsam.launcher.v1.Patch.$Shape} Patch
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Patch & balsam.launcher.v1.Patch.$Shape;
            }

            namespace Patch {

                /** Properties of a Patch. */
                interface $Properties {

                    /** Patch dataJson */
                    dataJson?: (string|null);

                    /** Patch removed */
                    removed?: (string[]|null);

                    /** Patch fieldsJson */
                    fieldsJson?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Patch. */
                type $Shape = balsam.launcher.v1.Patch.$Properties;
            }

            /**
             * Properties of a Retracted.
             * @deprecated Use balsam.launcher.v1.Retracted.$Properties instead.
             */
            interface IRetracted extends balsam.launcher.v1.Retracted.$Properties {
            }

            /** Represents a Retracted. */
            class Retracted {

                /**
                 * Constructs a new Retracted.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Retracted.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /**
                 * Creates a new Retracted instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Retracted instance
                 */
                static create(properties: balsam.launcher.v1.Retracted.$Shape): balsam.launcher.v1.Retracted & balsam.launcher.v1.Retracted.$Shape;
                static create(properties?: balsam.launcher.v1.Retracted.$Properties): balsam.launcher.v1.Retracted;

                /**
                 * Encodes the specified Retracted message. Does not implicitly {@link balsam.launcher.v1.Retracted.verify|verify} messages.
                 * @param message Retracted message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Retracted.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Retracted message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Retracted & balsam.launcher.v1.Retracted.$Shape} Retracted
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Retracted & balsam.launcher.v1.Retracted.$Shape;
            }

            namespace Retracted {

                /** Properties of a Retracted. */
                interface $Properties {

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Retracted. */
                type $Shape = balsam.launcher.v1.Retracted.$Properties;
            }

            /**
             * Properties of a Request.
             * @deprecated Use balsam.launcher.v1.Request.$Properties instead.
             */
            interface IRequest extends balsam.launcher.v1.Request.$Properties {
            }

            /** Represents a Request. */
            class Request {

                /**
                 * Constructs a new Request.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.Request.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** Request op. */
                op: string;

                /** Request json. */
                json: string;

                /**
                 * Creates a new Request instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns Request instance
                 */
                static create(properties: balsam.launcher.v1.Request.$Shape): balsam.launcher.v1.Request & balsam.launcher.v1.Request.$Shape;
                static create(properties?: balsam.launcher.v1.Request.$Properties): balsam.launcher.v1.Request;

                /**
                 * Encodes the specified Request message. Does not implicitly {@link balsam.launcher.v1.Request.verify|verify} messages.
                 * @param message Request message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.Request.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a Request message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.Request & balsam.launcher.v1.Request.$Shape} Request
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.Request & balsam.launcher.v1.Request.$Shape;
            }

            namespace Request {

                /** Properties of a Request. */
                interface $Properties {

                    /** Request op */
                    op?: (string|null);

                    /** Request json */
                    json?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a Request. */
                type $Shape = balsam.launcher.v1.Request.$Properties;
            }

            /**
             * Properties of a NotStarted.
             * @deprecated Use balsam.launcher.v1.NotStarted.$Properties instead.
             */
            interface INotStarted extends balsam.launcher.v1.NotStarted.$Properties {
            }

            /** Represents a NotStarted. */
            class NotStarted {

                /**
                 * Constructs a new NotStarted.
                 * @param [properties] Properties to set
                 */
                constructor(properties?: balsam.launcher.v1.NotStarted.$Properties);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];

                /** NotStarted stage. */
                stage: string;

                /** NotStarted message. */
                message: string;

                /**
                 * Creates a new NotStarted instance using the specified properties.
                 * @param [properties] Properties to set
                 * @returns NotStarted instance
                 */
                static create(properties: balsam.launcher.v1.NotStarted.$Shape): balsam.launcher.v1.NotStarted & balsam.launcher.v1.NotStarted.$Shape;
                static create(properties?: balsam.launcher.v1.NotStarted.$Properties): balsam.launcher.v1.NotStarted;

                /**
                 * Encodes the specified NotStarted message. Does not implicitly {@link balsam.launcher.v1.NotStarted.verify|verify} messages.
                 * @param message NotStarted message or plain object to encode
                 * @param [writer] Writer to encode to
                 * @returns Writer
                 */
                static encode(message: balsam.launcher.v1.NotStarted.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

                /**
                 * Decodes a NotStarted message from the specified reader or buffer.
                 * @param reader Reader or buffer to decode from
                 * @param [length] Message length if known beforehand
                 * @returns {balsam.launcher.v1.NotStarted & balsam.launcher.v1.NotStarted.$Shape} NotStarted
                 * @throws {Error} If the payload is not a reader or valid buffer
                 * @throws {$protobuf.util.ProtocolError} If required fields are missing
                 */
                static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): balsam.launcher.v1.NotStarted & balsam.launcher.v1.NotStarted.$Shape;
            }

            namespace NotStarted {

                /** Properties of a NotStarted. */
                interface $Properties {

                    /** NotStarted stage */
                    stage?: (string|null);

                    /** NotStarted message */
                    message?: (string|null);

                    /** Unknown fields preserved while decoding when enabled */
                    $unknowns?: Uint8Array[];
                }

                /** Shape of a NotStarted. */
                type $Shape = balsam.launcher.v1.NotStarted.$Properties;
            }
        }
    }
}
