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
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}

/** A member that is an object. */
export function objectOf(value: unknown): JSONObject | undefined {
  return isJSONObject(value) ? value : undefined;
}
