import { type GoValue, goJSON } from './go-json.js';
import { elementsOf, type MemberSpan, membersOf, type Span, skipSpace } from './text.js';

/** A change of a value: of all of it, of some members of an object, or of the elements of a list, in order. */
export type JSONEdit =
  | { type: 'set'; to: GoValue; after?: string }
  | { type: 'remove' }
  | { type: 'object'; members: MemberEdits }
  | { type: 'list'; elements: readonly JSONEdit[] };

type MemberEdits = Readonly<Record<string, JSONEdit>>;

/** Replaces the value. A missing member is inserted after the member `after`, or at the end. */
export function set(to: GoValue, after?: string): JSONEdit {
  return { type: 'set', to, ...(after === undefined ? {} : { after }) };
}

/** Removes a member, if it exists. */
export const REMOVE: JSONEdit = { type: 'remove' };

export function inObject(members: MemberEdits): JSONEdit {
  return { type: 'object', members };
}

export function inList(elements: readonly JSONEdit[]): JSONEdit {
  return { type: 'list', elements };
}

/**
 * Returns the JSON with changes. Everything else keeps its bytes, including white space and the order of members, so
 * that reversing the changes gives the original. `parseJSON` must have accepted the bytes.
 */
export function editJSON(bytes: Uint8Array, edit: JSONEdit): Buffer {
  const text = Buffer.from(bytes).toString();
  const start = skipSpace(text, 0);
  const end = text.trimEnd().length;
  return Buffer.from(text.slice(0, start) + edited(text, { start, end }, edit) + text.slice(end));
}

function edited(text: string, span: Span, edit: JSONEdit): string {
  const original = text.slice(span.start, span.end);
  switch (edit.type) {
    case 'set':
      return sameValue(original, edit.to) ? original : goJSON(edit.to);
    case 'object':
      return original[0] === '{' ? editedObject(text, span, edit.members) : original;
    case 'list':
      return original[0] === '[' ? editedList(text, span, edit.elements) : original;
    case 'remove':
      return original;
  }
}

/** Compares values, not text: a string can be written in several ways, for example with `\/`. */
function sameValue(original: string, to: GoValue): boolean {
  return goJSON(JSON.parse(original)) === goJSON(to);
}

/** The text of a member, and the separator between it and the previous one. */
interface MemberText {
  name: string;
  separator: string;
  text: string;
}

function editedObject(text: string, span: Span, edits: MemberEdits): string {
  const members = membersOf(text, span.start);
  const style = styleOf(text, span, members);
  const written = members.flatMap((member, place) =>
    editedMember(text, member, { separator: separatorAt(text, members, place), edits }),
  );
  const present = new Set(members.map(({ name }) => name));
  for (const [name, edit] of Object.entries(edits)) {
    if (edit.type !== 'set' || present.has(name)) continue;
    const before = written.findIndex((member) => member.name === edit.after);
    const added = `${goJSON(name)}${style.colon}${goJSON(edit.to)}`;
    written.splice(before < 0 ? written.length : before + 1, 0, { name, separator: '', text: added });
  }
  if (written.length === 0) return '{}';
  const body = written.map(({ separator, text }, place) =>
    place === 0 ? text : (separator || style.separator) + text,
  );
  return style.lead + body.join('') + style.tail;
}

function editedMember(
  text: string,
  { name, start, end, value }: MemberSpan,
  { separator, edits }: { separator: string; edits: MemberEdits },
): MemberText[] {
  const edit = Object.hasOwn(edits, name) ? edits[name] : undefined;
  if (edit === undefined) return [{ name, separator, text: text.slice(start, end) }];
  if (edit.type === 'remove') return [];
  return [{ name, separator, text: text.slice(start, value.start) + edited(text, value, edit) }];
}

/** Returns the text between a member and the previous one. */
function separatorAt(text: string, members: readonly MemberSpan[], place: number): string {
  const before = members[place - 1];
  const member = members[place];
  return before === undefined || member === undefined ? '' : text.slice(before.end, member.start);
}

/** Returns the punctuation and white space of an object, for new members. */
function styleOf(text: string, span: Span, members: readonly MemberSpan[]) {
  const [first] = members;
  const last = members.at(-1);
  if (first === undefined || last === undefined) return { lead: '{', separator: ',', colon: ':', tail: '}' };
  const lead = text.slice(span.start, first.start);
  const name = text.slice(first.start, first.value.start);
  return {
    lead,
    separator: members.length > 1 ? separatorAt(text, members, 1) : `,${lead.slice(1)}`,
    colon: name.slice(name.lastIndexOf('"') + 1),
    tail: text.slice(last.end, span.end),
  };
}

function editedList(text: string, span: Span, edits: readonly JSONEdit[]): string {
  let result = '';
  let at = span.start;
  for (const [place, element] of elementsOf(text, span.start).entries()) {
    const edit = edits[place];
    if (edit === undefined) continue;
    result += text.slice(at, element.start) + edited(text, element, edit);
    at = element.end;
  }
  return result + text.slice(at, span.end);
}
