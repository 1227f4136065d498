/**
 * Returns a copy of the text. V8 keeps the whole of a string in memory as long as a part cut out of it is used, so a
 * part of a document that outlives the document has to be copied.
 */
export function ownText<T extends string>(text: T): T {
  return Buffer.from(text, 'utf8').toString('utf8') as T; // the same characters
}
