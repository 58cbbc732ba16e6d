/** Links on loopback for the wire's tests, and waiting for what must happen. It must never leave a socket open behind a test. */
import { connect } from 'node:net';
import { DealerLink } from '../../src/wire/dealer-link.ts';
import { RouterLink } from '../../src/wire/router-link.ts';
import type { ExecutionContext } from 'ava';
import type { CurveKeys, LauncherKeys } from '../../src/wire/curve.ts';
import type { Stranger } from '../../src/wire/link.ts';

const deadlineMs = 30_000;

/** Resolves when the condition holds; throws with its name after the deadline. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export type TestServer = {
  link: RouterLink;
  port: number;
  endpoint: string;
  /** `identity: text` of every message. */
  got: string[];
  strangers: Stranger[];
};

export async function startServer(
  t: ExecutionContext,
  keys: LauncherKeys,
  options: { port?: number; echo?: boolean; addresses?: string[] } = {},
): Promise<TestServer> {
  const [got, strangers] = [[] as string[], [] as Stranger[]];
  const link = new RouterLink({
    keys: keys.server,
    clientKeys: [keys.client.publicKey],
    onMessage: async (identity, bytes) => {
      got.push(`${identity}: ${Buffer.from(bytes.subarray(0, 40)).toString()}`);
      if (options.echo === true) await link.send(identity, bytes);
    },
    onStranger: (stranger) => strangers.push(stranger),
  });
  t.teardown(() => link.close());
  const { port } = await link.bind({ addresses: options.addresses ?? ['127.0.0.1'], port: options.port });
  return { link, port, endpoint: `tcp://127.0.0.1:${port}`, got, strangers };
}

export type TestClient = { link: DealerLink; got: string[]; states: string[] };

export function startClient(
  t: ExecutionContext,
  keys: CurveKeys,
  endpoints: string[],
  identity = 'agent-1',
): TestClient {
  const [got, states] = [[] as string[], [] as string[]];
  const link = new DealerLink({
    identity,
    keys,
    onMessage: (bytes) => void got.push(Buffer.from(bytes.subarray(0, 40)).toString()),
    onState: (state, endpoint) => states.push(`${state} ${endpoint}`),
  });
  t.teardown(() => link.close());
  link.connect(endpoints);
  return { link, got, states };
}

/** Writes bytes to a TCP port and resolves when the other side has closed the connection. */
export async function throwAt(port: number, bytes: Uint8Array): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  // Not once(): a reset connection says 'error' before 'close', and that is fine here.
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.resume();
  socket.write(bytes);
  await closed;
}
