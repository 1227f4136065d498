/** Names that are looked at; an archive of a stranger may have a hundred thousand. */
const MOST_NAMES = 10_000;
/** The least likeness that is worth showing, from 0 to 1. */
const LEAST_LIKENESS = 0.3;

/** Returns the names that a user may have meant by a text that is the name of nothing, the most alike first. */
export function nearNames(text: string, names: readonly string[], most = 3): string[] {
  const wanted = piecesOf(text);
  return names
    .slice(0, MOST_NAMES)
    .map((name) => ({ name, likeness: likenessOf(wanted, name) }))
    .filter(({ likeness }) => likeness >= LEAST_LIKENESS)
    .sort((a, b) => b.likeness - a.likeness || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name);
}

/** How much of the text is in the name, and of the end of the name, from its last slash on, in the text. */
function likenessOf(wanted: ReadonlySet<string>, name: string): number {
  const [all, end] = [piecesOf(name), piecesOf(name.slice(name.lastIndexOf('/') + 1))];
  const shared = [...wanted].filter((piece) => all.has(piece)).length;
  const ending = [...end].filter((piece) => wanted.has(piece)).length;
  return Math.max(shared / Math.max(1, wanted.size), ending / Math.max(1, end.size));
}

/** Returns the pairs of letters that follow each other in the words of a text. */
function piecesOf(text: string): Set<string> {
  const pieces = new Set<string>();
  for (const word of text.toLowerCase().match(/[a-z0-9]+/g) ?? [])
    for (let place = 0; place + 1 < word.length; place++) pieces.add(word.slice(place, place + 2));
  return pieces;
}
