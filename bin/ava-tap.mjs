/**
 * Loaded before ava by bin/test.ts: its TAP reporter dies of an error without a stack (ZeroMQ's have none), and takes the
 * results of all tests with it. What YAML cannot say is left out instead.
 */
import { createRequire } from 'node:module';

// The copy that the reporter itself finds.
const fromReporter = createRequire(createRequire(import.meta.resolve('ava')).resolve('supertap'));
const yaml = fromReporter('js-yaml');
const dump = yaml.safeDump;
yaml.safeDump = (value) => dump(value, { skipInvalid: true });
