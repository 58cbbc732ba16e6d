/**
 * The door of this room: choosing a batch system, submitting a launch to it, and what became of the launches.
 */
export { detectScheduler } from './choose.ts';
export { refreshLaunches } from './refresh.ts';
export { submitLaunch, type LaunchRequest } from './submit.ts';
