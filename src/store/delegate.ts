import type { Source } from './store.js';

/**
 * Returns a store with some methods replaced or added. All others, including optional ones, are those of `store`, so
 * that an ability that is added to the interface passes through every decorator. Calls that `store` makes to itself are
 * not replaced.
 */
export function delegate<S extends Source, M extends object = Partial<S>>(
  store: S,
  methods: M & Partial<S>,
): S & M {
  return new Proxy(store as S & M, {
    get(target, key) {
      if (key in methods) return Reflect.get(methods, key);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    has: (target, key) => key in methods || key in target,
  });
}
