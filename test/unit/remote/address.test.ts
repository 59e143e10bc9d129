import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPermittedAddress } from '../../../functions/shared/remote/address.ts';

describe('addresses of remotes', () => {
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])(
    'lets the public address %s through',
    (address) => {
      expect(isPermittedAddress(address, false)).toBe(true);
    },
  );

  it.each([
    '127.0.0.1',
    '127.9.9.9',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '::1',
    'fc00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
  ])('lets the private address %s through only where the deployment says so', (address) => {
    expect(isPermittedAddress(address, false)).toBe(false);
    expect(isPermittedAddress(address, true)).toBe(true);
  });

  it.each([
    '169.254.169.254',
    '169.254.170.2',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fe80::1',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '::a9fe:a9fe',
    '0.0.0.0',
    '::',
    '100.100.100.200',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    'no address',
  ])('never lets %s through', (address) => {
    expect(isPermittedAddress(address, false)).toBe(false);
    expect(isPermittedAddress(address, true)).toBe(false);
  });

  it('judges an IPv4 address alike in whatever notation it comes', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.boolean(), (address, allowPrivate) => {
        expect(isPermittedAddress(`::ffff:${address}`, allowPrivate)).toBe(
          isPermittedAddress(address, allowPrivate),
        );
        expect(isPermittedAddress(`64:ff9b::${address}`, allowPrivate)).toBe(
          isPermittedAddress(address, allowPrivate),
        );
      }),
    );
  });

  it('never opens the link-local block', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), (third, fourth) => {
        expect(isPermittedAddress(`169.254.${third}.${fourth}`, true)).toBe(false);
      }),
    );
  });
});
