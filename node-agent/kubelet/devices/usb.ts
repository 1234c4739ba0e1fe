/** USB devices for programs that drive them themselves (libusb). */
import { ignore } from '../../../shared/base/ignore.ts'
import type { DeviceClass } from './classes.ts'
import type { Looker } from './glob.ts'
import type { Seen } from './inventory/plan.ts'
import type { ObserveDeps } from './observe.ts'

const root = '/sys/bus/usb/devices'

/**
 * Kernel drivers that programs take a device from as a matter of course: an UPS is usbhid's, a television receiver used as a radio dvb_usb_rtl28xxu's. What any other works is
 * the node's own (its disk, its network, its hub), or is offered as what it is (a serial line, a camera).
 */
const yielding = new Set(['usbfs', 'usbhid', 'dvb_usb_rtl28xxu'])

export async function seeUsb(c: DeviceClass, looker: Looker, deps: ObserveDeps): Promise<Seen[]> {
  const buses = await looker.expand('/dev/bus/usb/*')
  // Their folders are watched: a device's node comes and goes there.
  await Promise.all(buses.map((bus) => looker.expand(`${bus}/*`)))
  const ports = (await looker.names(root)).filter((name) => /^\d+-[\d.]+$/.test(name))
  const found = await Promise.all(ports.map((port) => ignore(seePort(c, port, deps), 'pulled out while it was read (ENODEV): its going is told like any other')))
  return found.flatMap((seen) => seen ?? [])
}

async function seePort(c: DeviceClass, port: string, { files, node }: ObserveDeps): Promise<Seen[]> {
  const folder = `${root}/${port}`
  const read = async (name: string): Promise<string> => ((await files.read(`${folder}/${name}`)) ?? '').trim()
  const [bus, device, vendor, product, serial, kind, parts] = await Promise.all([read('busnum'), read('devnum'), read('idVendor'), read('idProduct'), read('serial'), read('bDeviceClass'), files.list(folder)])
  if (!/^[0-9a-f]{4}$/.test(vendor) || !/^[0-9a-f]{4}$/.test(product) || !/^\d{1,3}$/.test(bus) || !/^\d{1,3}$/.test(device) || kind === '09') return []
  const drivers = await Promise.all(parts.filter((p) => p.startsWith(`${port}:`)).map((p) => files.readLink(`${folder}/${p}/driver`)))
  if (drivers.some((d) => d !== undefined && !yielding.has(d.slice(d.lastIndexOf('/') + 1)))) return []
  const path = `/dev/bus/usb/${bus.padStart(3, '0')}/${device.padStart(3, '0')}`
  const numbers = await node(path)
  return numbers ? [{ class: c, path, stable: undefined, numbers, usb: { vendor, product, serial: serial || undefined, port } }] : []
}
