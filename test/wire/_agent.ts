/** A client in a process of its own, that a test can stop and end: `_agent.ts '{"keys": …, "endpoint": …}'`. */
import { DealerLink } from '../../src/wire/dealer-link.ts';
import type { CurveKeys } from '../../src/wire/curve.ts';

// A test's throwaway keys; real ones never go through argv.
const { keys, endpoint } = JSON.parse(process.argv[2]!) as { keys: CurveKeys; endpoint: string };
const link = new DealerLink({
  identity: 'agent-1',
  keys,
  onMessage: () => undefined,
  onState: (state) => {
    if (state === 'connected') void link.send(Buffer.from('connected'));
  },
});
link.connect([endpoint]);
