import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FileKind } from '../../../shared/host/file-tree.ts'
import { builtIn, deviceClasses } from './classes.ts'
import { inventory } from './inventory/plan.ts'
import { observe, type ObserveDeps } from './observe.ts'

/** Files by path: a number is a device node, `-> path` a link, all else text. */
function machine(content: Readonly<Record<string, string | number>>): ObserveDeps {
  const paths = Object.keys(content)
  const real = (path: string): string => { const c = content[path]; return typeof c === 'string' && c.startsWith('-> ') ? real(posix.resolve(posix.dirname(path), c.slice(3))) : path }
  const isFolder = (path: string): boolean => path === '/' || paths.some((p) => p.startsWith(`${path}/`))
  return {
    node: async (path) => { const c = content[real(path)]; return typeof c === 'number' ? { type: 'c', major: c, minor: 0 } : undefined },
    files: {
      list: async (folder) => { const at = folder === '/' ? '/' : `${folder}/`; return [...new Set(paths.filter((p) => p.startsWith(at)).map((p) => p.slice(at.length).split('/')[0] ?? ''))].sort() },
      stat: async (path) => (isFolder(path) ? { kind: 'directory' as FileKind, size: 0, mode: 0o755, uid: 0, gid: 0 } : undefined),
      read: async (path) => { const c = content[path]; return typeof c === 'string' ? c : undefined },
      readLink: async (path) => { const c = content[path]; return typeof c === 'string' && c.startsWith('-> ') ? c.slice(3) : undefined },
      realPath: async (path) => (real(path) in content ? real(path) : undefined),
    },
  }
}
const usb = (port: string, number: number, facts: Record<string, string>): Record<string, string | number> => ({
  [`/dev/bus/usb/001/00${number}`]: 189000 + number, [`/sys/bus/usb/devices/${port}/busnum`]: '1\n', [`/sys/bus/usb/devices/${port}/devnum`]: `${number}\n`,
  ...Object.fromEntries(Object.entries({ idVendor: '1a6e', idProduct: '089a', bDeviceClass: '00', ...facts }).map(([k, v]) => [`/sys/bus/usb/devices/${port}/${k}`, v])),
})
const offered = async (content: Record<string, string | number>, flags: string[] = []): Promise<string[]> => inventory((await observe(deviceClasses(flags), machine(content))).seen).devices.map((d) => d.id)

describe('on a Pi', () => {
  it.each<[string, Record<string, string | number>, string[]]>([
    ['buses', { '/dev/i2c-1': 89, '/dev/spidev0.0': 153, '/dev/gpiochip0': 254, '/dev/i2c': 'a file' }, ['gpiochip0', 'i2c-1', 'spidev0.0']],
    ['a serial adapter by its id', { '/dev/ttyUSB0': 188, '/dev/serial/by-id/usb-FTDI_A1-if00': '-> ../../ttyUSB0' }, ['serial-usb-FTDI_A1-if00']],
    ['the header\'s line, not the Bluetooth chip\'s', { '/dev/ttyAMA0': 204, '/dev/ttyAMA1': 205, '/dev/serial0': '-> ttyAMA1', '/dev/serial1': '-> ttyAMA0' }, ['serial0']],
    ['not the console', { '/dev/ttyAMA0': 204, '/dev/serial0': '-> ttyAMA0', '/sys/class/tty/console/active': 'tty1 ttyAMA0\n' }, []],
    ['an accelerator without a driver', usb('1-1.2', 4, { '1-1.2:1.0/bInterfaceClass': 'ff' }), ['usb-1a6e-089a-1-1.2']],
    ['an UPS', usb('1-2', 5, { serial: 'U1', '1-2:1.0/driver': '-> ../../../../bus/usb/drivers/usbhid' }), ['usb-1a6e-089a-U1']],
    ['not the disk', usb('1-3', 6, { '1-3:1.0/driver': '-> ../drivers/uas' }), []],
    ['not one that is a serial line', usb('1-3', 6, { '1-3:1.0/driver': '-> ../drivers/cp210x' }), []],
    ['not a hub', usb('1-1', 2, { bDeviceClass: '09' }), []],
  ])('%s', async (_, content, expected) => { expect(await offered(content)).toEqual(expected) })

  it('the others where one is pulled out while it is read', async () => {
    const deps = machine({ ...usb('1-1', 4, { serial: 'A' }), ...usb('1-2', 5, { serial: 'B' }) })
    const read = (path: string): Promise<string | undefined> => (path.includes('/1-1/') ? Promise.reject(new Error('ENODEV: no such device, read')) : deps.files.read(path))
    expect(inventory((await observe(builtIn, { ...deps, files: { ...deps.files, read } })).seen).devices.map((d) => d.id)).toEqual(['usb-1a6e-089a-B'])
  })

  it('no more of a class than a node can tell of', async () => {
    expect(await offered(Object.fromEntries(Array.from({ length: 100 }, (__, i) => [`/dev/mine${i}`, 1000 + i])), ['mine=/dev/mine*'])).toHaveLength(64)
  })

  it('watches what is there, and where what is missing would come', async () => {
    const { folders } = await observe(builtIn, machine({ '/dev/null': 1, '/dev/snd/timer': 116, '/dev/bus/usb/001/001': 189 }))
    expect(folders).toEqual(['/dev', '/dev/bus/usb', '/dev/bus/usb/001', '/dev/snd'])
  })
})
