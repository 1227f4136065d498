/** The same members without null, which Go writes for a missing list or map. */
export type Present<T> = { [K in keyof T]: Exclude<T[K], null> };

/** Returns a copy without the members that are null or undefined. */
export function withoutNulls<T extends object>(document: T): Defined<Present<T>> {
  const members = Object.entries(document).filter(([, value]) => value != null);
  return Object.fromEntries(members) as Defined<Present<T>>; // the filter has removed null and undefined
}

/** Members that may be undefined become optional. */
export type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};
