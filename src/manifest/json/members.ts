import { isJSONObject, type JSONObject } from './json.js';

/** Returns a member that is a string, otherwise undefined. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Returns a member that is a list of strings, otherwise undefined. */
export function textsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

/** Returns the strings in a member that is an object, without other values; undefined if it is not an object. */
export function textsIn(value: unknown): Record<string, string> | undefined {
  if (!isJSONObject(value)) return undefined;
  const texts: Record<string, string> = {};
  // Object.entries would take twice the time: a document may have 200,000 members.
  for (const name in value) {
    const text = value[name];
    if (typeof text !== 'string') continue;
    if (name === '__proto__') Object.defineProperty(texts, name, OWN_MEMBER(text));
    else texts[name] = text;
  }
  return texts;
}

const OWN_MEMBER = (value: string) => ({ value, enumerable: true, configurable: true, writable: true });

/** Returns a member that is an object, otherwise undefined. */
export function objectOf(value: unknown): JSONObject | undefined {
  return isJSONObject(value) ? value : undefined;
}
