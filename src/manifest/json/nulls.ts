/** The same members without null: Go writes an absent list or map as one. */
export type Present<T> = { [K in keyof T]: Exclude<T[K], null> };

/** A copy without the members that are null or undefined. */
export function withoutNulls<T extends object>(document: T): Defined<Present<T>> {
  const members = Object.entries(document).filter(([, value]) => value != null);
  return Object.fromEntries(members) as Defined<Present<T>>; // the filter took what the type leaves out
}

/** What may be undefined may be absent instead. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
