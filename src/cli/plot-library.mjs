// The plotting library and the DOM that it draws into, behind one door: their own types need the DOM's, which no program
// of ours has, so plot-library.d.mts says what we use of them.
export { dot, plot, rectY, ruleY, tickX } from '@observablehq/plot';
export { parseHTML } from 'linkedom/worker';
