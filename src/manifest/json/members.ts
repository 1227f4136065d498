import { isJSONObject, type JSONObject } from './json.js';

/** A member that is text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** A member that is a list of texts. */
export function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

/** The texts of a member that is an object, by their names; values that are no text are left out. */
export function textsIn(value: unknown): Record<string, string> | undefined {
  if (!isJSONObject(value)) return undefined;
  const texts: Record<string, string> = {};
  // Not by lists of entries, which take as long again: a document may have 200,000 of them.
  for (const name in value) {
    const text = value[name];
    if (typeof text !== 'string') continue;
    if (name === '__proto__') Object.defineProperty(texts, name, OWN_MEMBER(text));
    else texts[name] = text;
  }
  return texts;
}

const OWN_MEMBER = (value: string) => ({ value, enumerable: true, configurable: true, writable: true });

/** A member that is an object. */
export function objectOf(value: unknown): JSONObject | undefined {
  return isJSONObject(value) ? value : undefined;
}
