/**
 * The door of this room: choosing a batch system, and submitting a launch to it.
 */
export { chooseScheduler, detectScheduler } from './choose.ts';
export { renderTemplate, shellQuote } from './render.ts';
export type { BatchState, Scheduler, Submission } from './scheduler.ts';
export { readBatchSettings } from './settings.ts';
export { submitLaunch, type LaunchRequest } from './submit.ts';
