/** What a successor answers before its database has confirmed it: heartbeats, no longer than S, and nothing else. */
import test from 'ava';
import { CHAIN } from '../../src/base/limits.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { echoFor } from '../../src/coordinator/caretaker.ts';
import { nothingDone } from '../../src/model/last-words.ts';
import { PROTOCOL_VERSION, type Body } from '../../src/core/messages.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/codec.ts';

const LAUNCHER = 7;
const INCARNATION = newId();
const heartbeat = {
  number: 41,
  receivedCommands: 3,
  lastReport: 5,
  queued: 1,
  running: 2,
  draining: false,
  short: '',
  most: 0,
};

/** What is sent for a message, and the rule by which it is refused. */
function answerTo(
  bytes: Uint8Array,
  { silentMs = 0, identity = INCARNATION } = {},
): { refused: string | null; sent: unknown[] } {
  const sent: unknown[] = [];
  const predecessor = {
    launcher: LAUNCHER,
    epoch: 2,
    port: 1,
    confirmedAt: systemClock.monotonic() - silentMs,
    systemIdentifier: '1',
    done: nothingDone(),
  };
  const link = {
    send: async (to: string, answer: Uint8Array) => {
      const decoded = decodeEnvelope(answer);
      sent.push({ to, ...(decoded.ok ? decoded.envelope : { reason: decoded.reason }) });
      return 'ok' as const;
    },
  };
  const refused = echoFor(predecessor, link, identity, bytes);
  return { refused, sent };
}

function message(
  body: Body,
  over: { launcher?: number; epoch?: number; incarnation?: string } = {},
): Uint8Array {
  return encodeEnvelope({
    version: PROTOCOL_VERSION,
    launcher: LAUNCHER,
    epoch: 2,
    incarnation: INCARNATION,
    ...over,
    ...body,
  });
}

test('a heartbeat is echoed under the epoch that its agent follows, and acknowledges nothing', (t) => {
  for (const epoch of [1, 2, 3]) {
    const { refused, sent } = answerTo(message({ heartbeat }, { epoch }));
    t.is(refused, null);
    t.is(sent.length, 1);
    t.like(sent[0], {
      to: INCARNATION,
      launcher: LAUNCHER,
      epoch,
      echo: { number: 41, receivedReports: 0, committedReports: 0 },
    });
  }
});

test('until S after the last confirmed heartbeat of the predecessor, and not longer', (t) => {
  const almost = answerTo(message({ heartbeat }), { silentMs: CHAIN.pause - 1_000 });
  t.is(almost.sent.length, 1);
  const over = answerTo(message({ heartbeat }), { silentMs: CHAIN.pause + 1 });
  t.deepEqual(over, { refused: null, sent: [] });
});

test('whatever else an agent says waits for the coordinator', (t) => {
  t.deepEqual(answerTo(message({ reports: { reports: [], receivedCommands: 0 } })), {
    refused: null,
    sent: [],
  });
});

test('another launcher, another incarnation than the one of the connection, and garbage are refused', (t) => {
  const other = 'another launcher or incarnation';
  t.deepEqual(answerTo(message({ heartbeat }, { launcher: 8 })), { refused: other, sent: [] });
  t.deepEqual(answerTo(message({ heartbeat }), { identity: newId() }), { refused: other, sent: [] });
  const garbage = answerTo(Buffer.from('no protobuf \xff\xff\xff', 'latin1'));
  t.truthy(garbage.refused);
  t.deepEqual(garbage.sent, []);
});
