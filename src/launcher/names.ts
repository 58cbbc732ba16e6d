/** Names of variables between the parts of one launcher, and the marker by which processes of an incarnation are found. */

/** Gives an agent its CPUs as a list ('0-3'), instead of its share of the host. */
export const AGENT_CPU_ENV = 'BALSAM_AGENT_CPUS';

/** In the environment of every helper and job of one incarnation. */
export const INCARNATION_ENV = 'BALSAM_INCARNATION';

/** Beside it: which agent process that was (see orphans.ts). */
export const AGENT_ENV = 'BALSAM_AGENT';
/** Beside what a launcher's agents read: who its warden is. */
export const OWNER_FILE = 'owner.json';
