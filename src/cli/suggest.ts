/** Returns the name that `word` was probably meant to be: the closest one, if at most every third letter is wrong. */
export function closest(word: string, names: readonly string[]): string | undefined {
  if (word.length < 2) return undefined;
  let found: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance < least) [found, least] = [name, distance];
  }
  if (found !== undefined) return found;
  // The beginning of a name is no mistake, if it is that of one name only.
  const longer = names.filter((name) => name.startsWith(word));
  return longer.length === 1 ? longer[0] : undefined;
}

/**
 * Returns how many letters have to be inserted, removed, replaced, or exchanged with the next one. (Optimal string
 * alignment)
 */
function editDistance(from: string, to: string): number {
  let [beforeLast, last]: [number[], number[]] = [
    [],
    Array.from({ length: to.length + 1 }, (_, column) => column),
  ];
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isExchanged = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
        isExchanged && row > 1 && column > 1 ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [beforeLast, last] = [last, current];
  }
  return at(last, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}

/** Joins words as in a sentence: `a, b or c`. */
export function listWords(words: readonly string[], conjunction: 'and' | 'or'): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} ${conjunction} ${last}`;
}

/** Makes the first letter lower case, for use after a colon; a word in capitals is kept. */
export function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase());
}
