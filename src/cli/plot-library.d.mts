/** What we use of @observablehq/plot and linkedom; held against the real thing by test/cli/report-page.test.ts. */

/** A node of the document; `outerHTML` is its text, with everything that a person wrote escaped. */
export interface PageElement {
  textContent: string;
  readonly outerHTML: string;
  append(...children: (PageElement | string)[]): void;
  setAttribute(name: string, value: string): void;
}

export interface PageDocument {
  createElement(name: string): PageElement;
  readonly documentElement: PageElement;
  readonly head: PageElement;
  readonly body: PageElement;
}

export function parseHTML(html: string): { document: PageDocument };

/** A layer of a plot. */
export interface Mark {
  readonly channels: object;
}

type Channel = string | number | Date | ((row: never) => unknown);

export interface MarkOptions {
  readonly [option: string]: Channel | boolean | readonly string[] | undefined;
}

type MarkMaker = (data: readonly unknown[], options?: MarkOptions) => Mark;

export const rectY: MarkMaker;
export const ruleY: MarkMaker;
export const dot: MarkMaker;
export const tickX: MarkMaker;

interface Scale {
  readonly [option: string]: unknown;
}

export function plot(options: {
  document: PageDocument;
  width: number;
  height: number;
  marks: readonly Mark[];
  ariaLabel?: string;
  marginLeft?: number;
  marginBottom?: number;
  x?: Scale;
  y?: Scale;
  color?: Scale;
  style?: { readonly [property: string]: string };
}): PageElement;
