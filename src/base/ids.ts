/**
 * Identifiers. Jobs have uuid v4: the first eight digits name their directory, and ids that share a prefix in time
 * (v7) would collide there.
 */
import { randomUUID } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A new random uuid (v4), lower case with dashes. */
export function newId(): string {
  return randomUUID();
}

/** Whether `text` is a whole uuid in our spelling. */
export function isId(text: string): boolean {
  return UUID.test(text);
}
