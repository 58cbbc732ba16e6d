/** What was typed, byte for byte: Node reads arguments as UTF-8, and turns what is none into one and the same character. */
import fs from 'node:fs';

/** One character of UTF-8, or a byte that is none, of a text in which each character is a byte. */
const PIECE =
  // oxlint-disable-next-line no-control-regex -- every byte has its place
  /[\x00-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/** `word`, an argument or the end of one after a `=`, in which bytes that are no UTF-8 are U+DC80 to U+DCFF. */
export function typedBytes(word: string): string {
  if (!word.includes('\uFFFD')) return word;
  const typed = fs.readFileSync('/proc/self/cmdline', 'latin1').split('\0');
  for (const bytes of typed) {
    const whole = Buffer.from(bytes, 'latin1').toString('utf8');
    if (whole !== word && !(whole.startsWith('-') && whole.endsWith(`=${word}`))) continue;
    const exact = bytes.replace(PIECE, (piece) =>
      /^[\x80-\xff]$/.test(piece)
        ? String.fromCharCode(0xdc00 + piece.charCodeAt(0))
        : Buffer.from(piece, 'latin1').toString('utf8'),
    );
    return whole === word ? exact : exact.slice(exact.length - word.length);
  }
  return word;
}
