/**
 * The same text with memory of its own. What is cut out of a document keeps all of the document in memory: what outlives
 * the document has to be copied.
 */
export function ownText<T extends string>(text: T): T {
  return Buffer.from(text, 'utf8').toString('utf8') as T; // the same characters
}
