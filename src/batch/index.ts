/**
 * The door of this room: choosing a batch system, and submitting a launch to it.
 */
export { detectScheduler } from './choose.ts';
export { submitLaunch, type LaunchRequest } from './submit.ts';
