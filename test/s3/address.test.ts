import assert from 'node:assert/strict';
import { formatBucketAddress, inRegion, parseBucketAddress, placeOf, urlOf } from '../../src/s3/address.js';

describe('the address of a bucket', () => {
  it('is a bucket, and perhaps a prefix', () => {
    assert.deepEqual(parseBucketAddress('s3://images'), { bucket: 'images', prefix: '' });
    assert.deepEqual(parseBucketAddress('s3://images/'), { bucket: 'images', prefix: '' });
    const address = parseBucketAddress('s3://images/a/b c/');
    assert.deepEqual(address, { bucket: 'images', prefix: 'a/b c/' });
    assert.equal(formatBucketAddress(address), 's3://images/a/b c');
    assert.equal(formatBucketAddress({ bucket: 'images', prefix: '' }), 's3://images');
  });

  it('is refused if it names no bucket, or steps out of its prefix', () => {
    for (const text of ['s3://', 's3:///x', 's3://ab', 's3://a..b/x', 's3://images/../x', 's3://images/a//b'])
      assert.throws(() => parseBucketAddress(text), { code: 'USAGE' }, text);
    assert.throws(() => parseBucketAddress(`s3://images/${'x'.repeat(300)}`), { code: 'USAGE' });
  });

  it('names no image', () => {
    for (const text of ['s3://images/p::app:1', 's3://images/::app'])
      assert.throws(() => parseBucketAddress(text), { code: 'USAGE', remedy: 'select' }, text);
    // A registry with its port may well be a prefix.
    assert.equal(parseBucketAddress('s3://images/a.local:5000/p').prefix, 'a.local:5000/p/');
  });

  it('is a host at Amazon, and a path elsewhere', () => {
    const amazon = placeOf({ region: 'eu-north-1' });
    assert.equal(urlOf(amazon, 'images', 'a/b').href, 'https://images.s3.eu-north-1.amazonaws.com/a/b');
    assert.equal(urlOf(amazon, 'my.images', 'a').href, 'https://s3.eu-north-1.amazonaws.com/my.images/a');
    assert.equal(
      urlOf(placeOf({ region: 'cn-north-1' }), 'images', undefined).host,
      'images.s3.cn-north-1.amazonaws.com.cn',
    );
    const own = placeOf({ endpoint: 'https://minio.local:9000/' });
    assert.equal(urlOf(own, 'images', 'a/b').href, 'https://minio.local:9000/images/a/b');
    const virtual = placeOf({ endpoint: 'https://{bucket}.oss.example.com' });
    assert.equal(urlOf(virtual, 'images', 'a').href, 'https://images.oss.example.com/a');
    for (const endpoint of ['minio.local:9000', 'ftp://minio', 'http://u:p@minio', 'http://minio?x=1'])
      assert.throws(() => placeOf({ endpoint }), { code: 'USAGE', remedy: 's3Endpoint' }, endpoint);
  });

  it('encodes keys and parameters as the signature does', () => {
    const place = placeOf({ endpoint: 'http://h' });
    assert.equal(urlOf(place, 'images', "a+b c/(ä)'*").pathname, '/images/a%2Bb%20c/%28%C3%A4%29%27%2A');
    assert.equal(
      urlOf(place, 'images', undefined, { prefix: 'a b/', 'list-type': '2' }).search,
      '?list-type=2&prefix=a%20b%2F',
    );
  });

  it('follows a bucket to its region', () => {
    const place = placeOf({});
    assert.deepEqual([place.region, place.isRegionChosen], ['us-east-1', false]);
    assert.equal(
      urlOf(inRegion(place, 'eu-west-1'), 'images', undefined).host,
      'images.s3.eu-west-1.amazonaws.com',
    );
    const own = placeOf({ endpoint: 'http://h' });
    assert.equal(urlOf(inRegion(own, 'eu-west-1'), 'images', undefined).host, 'h');
    assert.equal(placeOf({ endpoint: 'https://s3.eu-west-2.amazonaws.com' }).region, 'eu-west-2');
  });
});
