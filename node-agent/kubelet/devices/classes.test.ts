import { expect, it } from 'vitest'
import { builtIn, DeviceFlagError, deviceClasses } from './classes.ts'
import { partMatcher } from './glob.ts'

const change = (...flags: string[]): object[] => deviceClasses(flags).filter((c) => !builtIn.includes(c))

it.each<[string[], object[]]>([
  [[], []],
  [['disk=/dev/loop*'], [{ name: 'disk', paths: ['/dev/loop*'], slots: 1, pool: /^/ }]],
  [['lamp=/dev/lamp'], [{ name: 'lamp', paths: ['/dev/lamp'], slots: 1 }]],
  [['lamp=/dev/a,/dev/b,shared=4'], [{ name: 'lamp', paths: ['/dev/a', '/dev/b'], slots: 4, pool: /^/ }]],
  [['i2c=exclusive'], [{ name: 'i2c', paths: ['/dev/i2c-*'], slots: 1 }]],
  [['fuse=shared=3'], [{ name: 'fuse', paths: ['/dev/fuse'], slots: 3 }]],
])('--device %j', (flags, expected) => { expect(change(...flags)).toEqual(expected) })

it('off leaves a class out, and paths take the place of ours', () => {
  expect(deviceClasses(['usb=off']).some((c) => c.name === 'usb')).toBe(false)
  expect(deviceClasses(['serial=/dev/ttyX*']).filter((c) => c.name === 'serial')).toEqual([{ name: 'serial', paths: ['/dev/ttyX*'], slots: 1, pool: /^/ }])
})

it.each([
  ['disk', /NAME=PATH/], ['=/dev/x', /NAME=PATH/], ['Disk=/dev/x', /lower-case/], ['disk=', /neither/], ['disk=dev/x', /neither an absolute path/], ['disk=/dev/[ab]', /neither/], ['disk=/dev/../x', /neither/],
  ['disk=/dev/x,shared=0', /neither/], ['disk=/dev/x,shared=many', /neither/], ['disk=exclusive', /disk is none of gpiochip, .*and has no path/], ['i2c=off,exclusive', /off stands alone/], ['nothing=off', /off stands alone|is none of/],
])('--device %s is refused', (flag, message) => {
  expect(() => deviceClasses([flag])).toThrow(DeviceFlagError)
  expect(() => deviceClasses([flag])).toThrow(message)
})
it('a name twice is refused', () => { expect(() => deviceClasses(['a=/dev/x', 'a=/dev/y'])).toThrow('a is given twice') })

it.each([
  ['tty*', 'ttyUSB0', true], ['tty*', 'xtty', false], ['i2c-?', 'i2c-1', true], ['i2c-?', 'i2c-10', false], ['spidev0.0', 'spidev0x0', false], ['a.*', 'ab', false], ['*', '.hidden', false], ['a+b*', 'a+bc', true],
])('%s and %s: %s', (pattern, name, expected) => { expect(partMatcher(pattern)(name)).toBe(expected) })
