// A separate file, so that the names of a CommonJS package are found when it is loaded lazily, also in the bundle.
export { parse as parseYAML, stringify as formatYAML } from 'yaml';
