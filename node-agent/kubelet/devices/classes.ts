/**
 * Which device nodes are offered, as a table; and the agent's `--device` flags over it.
 *
 * Names: every device has a resource of its own, as smarter-device-manager has it (`bramble.dev/i2c-1`), since on this kind of node it matters which one a pod gets.
 * Where any will do, those of a class are offered under the class's name too (`bramble.dev/serial`), as generic-device-plugin does and Akri does beside its instances. A
 * device that was given under one of its names is taken off the others.
 */
export const domain = 'bramble.dev'

export interface DeviceClass {
  /** Of the class; also the resource's where its only path has no wildcard. */
  readonly name: string
  /** Absolute; `*` and `?` within a part. */
  readonly paths: readonly string[]
  /** Folder of links that name devices for good. What has one is named by it. */
  readonly byId?: string
  /** What is at these paths is not offered, whatever else names it. */
  readonly except?: readonly string[]
  /** Containers that may have one at a time: 1 is exclusive. */
  readonly slots: number
  /** Devices with such a path are offered under the name of the class as well. */
  readonly pool?: RegExp
  /** All that match are one device. */
  readonly together?: true
  /** Found in sysfs, and named by vendor, product and serial number. */
  readonly usb?: true
}

/** Containers share a bus whose kernel driver keeps their transfers apart. */
const bus = 16
/** Each open is a thing of its own. */
const shared = 100

export const builtIn: readonly DeviceClass[] = [
  { name: 'gpiochip', paths: ['/dev/gpiochip*'], slots: bus },
  { name: 'gpiomem', paths: ['/dev/gpiomem*'], slots: bus },
  { name: 'i2c', paths: ['/dev/i2c-*'], slots: bus },
  // One node a chip select: what hangs there is one thing.
  { name: 'spidev', paths: ['/dev/spidev*'], slots: 1 },
  // serial1 is the Bluetooth chip of a Pi.
  { name: 'serial', paths: ['/dev/ttyUSB*', '/dev/ttyACM*', '/dev/ttyAMA*', '/dev/serial0'], byId: '/dev/serial/by-id', except: ['/dev/serial1'], slots: 1, pool: /\/tty(USB|ACM)\d+$/ },
  // The second node of a USB camera has its metadata; a Pi's codecs are nodes, too.
  { name: 'video', paths: ['/dev/video*'], byId: '/dev/v4l/by-id', slots: 1, pool: /-index0$/ },
  { name: 'media', paths: ['/dev/media*'], slots: 1 },
  { name: 'v4l-subdev', paths: ['/dev/v4l-subdev*'], slots: 1 },
  { name: 'dma_heap', paths: ['/dev/dma_heap/*'], slots: shared },
  { name: 'usb', paths: [], slots: 1, usb: true },
  { name: 'hidraw', paths: ['/dev/hidraw*'], slots: 1 },
  { name: 'lirc', paths: ['/dev/lirc*'], slots: 1 },
  { name: 'snd', paths: ['/dev/snd/*'], slots: bus, together: true },
  { name: 'dri', paths: ['/dev/dri/renderD*'], slots: shared },
  { name: 'vchiq', paths: ['/dev/vchiq'], slots: shared },
  { name: 'vcio', paths: ['/dev/vcio'], slots: shared },
  { name: 'fuse', paths: ['/dev/fuse'], slots: shared },
  { name: 'tun', paths: ['/dev/net/tun'], slots: shared },
  { name: 'kvm', paths: ['/dev/kvm'], slots: shared },
  { name: 'hwrng', paths: ['/dev/hwrng'], slots: shared },
  { name: 'watchdog', paths: ['/dev/watchdog'], slots: 1 },
]

/** A flag that cannot be used, in a sentence for the person who typed it. */
export class DeviceFlagError extends Error { override readonly name = 'DeviceFlagError' }

interface Wish { paths: string[]; slots?: number; off?: true }

function wishOf(flag: string, text: string): Wish {
  const wish: Wish = { paths: [] }
  for (const item of text.split(',')) {
    const count = /^shared=(\d{1,4})$/.exec(item)?.[1]
    if (item === 'off') wish.off = true
    else if (item === 'exclusive') wish.slots = 1
    else if (count !== undefined && Number(count) >= 1) wish.slots = Number(count)
    else if (/^\/[^[\]{}\\]+$/.test(item) && !item.split('/').includes('..')) wish.paths.push(item)
    else throw new DeviceFlagError(`${flag}: ${JSON.stringify(item)} is neither an absolute path (with * and ?) nor exclusive, shared=N or off`)
  }
  return wish
}

/** The operator's classes come first: how a device is shared is what they say. Throws {@link DeviceFlagError}. */
export function deviceClasses(flags: readonly string[], table: readonly DeviceClass[] = builtIn): DeviceClass[] {
  const own: DeviceClass[] = []
  let rest = [...table]
  const seen = new Set<string>()
  for (const flag of flags) {
    const at = flag.indexOf('=')
    const name = flag.slice(0, Math.max(0, at))
    if (!/^[a-z0-9]([-_a-z0-9]{0,28}[a-z0-9])?$/.test(name)) throw new DeviceFlagError(`${flag}: NAME=PATH[,PATH...][,exclusive|,shared=N] or NAME=off; a name is at most 30 lower-case letters, digits, "-" and "_"`)
    if (seen.has(name)) throw new DeviceFlagError(`${flag}: ${name} is given twice`)
    seen.add(name)
    const wish = wishOf(flag, flag.slice(at + 1))
    const known = rest.find((c) => c.name === name)
    if (wish.off && (wish.paths.length > 0 || wish.slots !== undefined)) throw new DeviceFlagError(`${flag}: off stands alone`)
    if (!known && wish.paths.length === 0) throw new DeviceFlagError(`${flag}: ${name} is none of ${table.map((c) => c.name).join(', ')}, and has no path`)
    if (wish.off) rest = rest.filter((c) => c !== known)
    else if (known && wish.paths.length === 0) rest = rest.map((c) => (c === known ? { ...c, slots: wish.slots ?? c.slots } : c))
    else {
      rest = rest.filter((c) => c !== known)
      own.push({ name, paths: wish.paths, slots: wish.slots ?? known?.slots ?? 1, ...(isSingle(wish.paths) ? {} : { pool: /^/ }) })
    }
  }
  return [...own, ...rest]
}

export const isWild = (path: string): boolean => /[*?]/.test(path)
/** Has one device at most, which is named as the class. */
export const isSingle = (paths: readonly string[]): boolean => paths.length === 1 && !isWild(paths[0] ?? '')
