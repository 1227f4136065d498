// A separate file, so that the names of a CommonJS package are found when it is loaded lazily, also in the bundle.
export { Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
