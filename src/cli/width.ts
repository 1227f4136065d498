import { eastAsianWidth } from 'get-east-asian-width';

/**
 * Returns the number of columns that printable text takes on a terminal. Marks that combine take none, wide characters
 * two.
 */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

const ASCII = /^[ -~]*$/;
/** Marks, and the vowels and final consonants of Hangul, which are drawn into the syllable before them. */
const NO_WIDTH = /^[\p{Mn}\p{Me}\u1160-\u11ff]$/u;

function widthOfCharacter(character: string): number {
  return NO_WIDTH.test(character) ? 0 : eastAsianWidth(character.codePointAt(0) ?? 0);
}

/** Cuts text that is wider than `width` columns, at its end, and marks the place. */
export function cutEnd(text: string, width: number): string {
  return widthOf(text) <= width ? text : `${startOf(text, width - 1)}${width < 1 ? '' : '…'}`;
}

/** Share of the columns that remain for the beginning of a name; its end, with the tag, tells more. */
const START = 0.4;

/** Cuts text that is wider than `width` columns, in its middle, and marks the place. */
export function cutMiddle(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const start = startOf(text, Math.floor((width - 1) * START));
  return `${start}${width < 1 ? '' : '…'}${endOf(text, width - 1 - widthOf(start))}`;
}

function startOf(text: string, width: number): string {
  let [taken, columns] = ['', 0];
  for (const character of text) {
    columns += widthOfCharacter(character);
    if (columns > width) break;
    taken += character;
  }
  return taken;
}

function endOf(text: string, width: number): string {
  let [taken, columns] = ['', 0];
  for (const character of [...text].reverse()) {
    columns += widthOfCharacter(character);
    if (columns > width) break;
    taken = `${character}${taken}`;
  }
  return taken.replace(/^[\p{Mn}\p{Me}]+/u, ''); // they belong to a character that was cut off
}

/** Adds spaces up to `width` columns. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'right'): string {
  const spaces = ' '.repeat(Math.max(0, width - widthOf(text)));
  return side === 'right' ? `${text}${spaces}` : `${spaces}${text}`;
}
