import { describe, expect, it } from 'vitest'
import { validateQualifiedName } from '../../../../shared/values/names.ts'
import { builtIn, deviceClasses, type DeviceClass } from '../classes.ts'
import { inventory, slug, type Seen, type UsbFacts } from './plan.ts'

const classOf = (name: string): DeviceClass => builtIn.find((c) => c.name === name) ?? { name, paths: [], slots: 1 }
let minor = 0
const seen = (name: string, path: string, parts: Partial<Seen> = {}): Seen => ({ class: classOf(name), path, stable: undefined, numbers: { type: 'c', major: 200, minor: minor++ }, ...parts })
const usb = (parts: Partial<UsbFacts> = {}): UsbFacts => ({ vendor: '1a86', product: '7523', serial: undefined, port: '1-1.2', ...parts })
const names = (...all: Seen[]): string[] => inventory(all).devices.map((d) => `${d.names.join(' ')} x${d.slots}`)

describe('the names of devices', () => {
  it.each<[string, Seen[], string[]]>([
    ['a bus', [seen('i2c', '/dev/i2c-1')], ['i2c-1 x16']],
    ['a chip select', [seen('spidev', '/dev/spidev0.1')], ['spidev0.1 x1']],
    ['the only one of its class', [seen('fuse', '/dev/fuse'), seen('tun', '/dev/net/tun')], ['fuse x100', 'tun x100']],
    ['an adapter by its id', [seen('serial', '/dev/ttyUSB0', { stable: '/dev/serial/by-id/usb-FTDI_FT232R_A1-if00-port0' })], ['serial-usb-FTDI_FT232R_A1-if00-port0 serial x1']],
    ['one without', [seen('serial', '/dev/ttyACM3')], ['serial-ttyACM3 serial x1']],
    ['the board\'s own line, which is not just any', [seen('serial', '/dev/ttyAMA0', { stable: '/dev/serial0' })], ['serial0 x1']],
    ['a colon', [seen('serial', '/dev/ttyACM0', { stable: '/dev/serial/by-id/usb-Espressif_7C:DF:A1-if00' })], ['serial-usb-Espressif_7C-DF-A1-if00 serial x1']],
    ['a camera, and its second node', [seen('video', '/dev/video0', { stable: '/dev/v4l/by-id/usb-C920-video-index0' }), seen('video', '/dev/video1', { stable: '/dev/v4l/by-id/usb-C920-video-index1' })], ['video-usb-C920-video-index0 video x1', 'video-usb-C920-video-index1 x1']],
    ['a codec', [seen('video', '/dev/video11')], ['video11 x1']],
    ['USB with a serial number', [seen('usb', '/dev/bus/usb/001/004', { usb: usb({ serial: 'AB 12' }) })], ['usb-1a86-7523-AB-12 usb-1a86-7523 x1']],
    ['without: by its socket', [seen('usb', '/dev/bus/usb/001/004', { usb: usb() })], ['usb-1a86-7523-1-1.2 usb-1a86-7523 x1']],
    ['two with the same number', [seen('usb', '/dev/bus/usb/001/004', { usb: usb({ serial: '0001' }) }), seen('usb', '/dev/bus/usb/001/005', { usb: usb({ serial: '0001', port: '1-1.3' }) })], ['usb-1a86-7523-0001 usb-1a86-7523 x1', 'usb-1a86-7523-1-1.3 usb-1a86-7523 x1']],
    ['sound, all of it', [seen('snd', '/dev/snd/controlC0'), seen('snd', '/dev/snd/pcmC0D0p')], ['snd x16']],
  ])('%s', (_, given, expected) => { expect(names(...given)).toEqual(expected) })

  it('an operator\'s class and ours are one device: shared as the operator says, known as before', () => {
    const [own] = deviceClasses(['zigbee=/dev/serial/by-id/*Sonoff*,shared=2'])
    const numbers = { type: 'c', major: 188, minor: 0 } as const
    const stable = '/dev/serial/by-id/usb-Sonoff-if00'
    expect(inventory([seen('', '/dev/ttyUSB0', { class: own!, numbers, stable }), seen('serial', '/dev/ttyUSB0', { numbers, stable })]).devices).toEqual([
      { id: 'serial-usb-Sonoff-if00', names: ['zigbee-usb-Sonoff-if00', 'zigbee', 'serial-usb-Sonoff-if00', 'serial'], slots: 2, files: [{ path: '/dev/ttyUSB0', stable, numbers: 'c188:0' }] },
    ])
  })

  it('a second device of a name is left out and told of', () => {
    expect(inventory([seen('hidraw', '/dev/hidraw0'), seen('hidraw', '/other/hidraw0')])).toMatchObject({ devices: [{ id: 'hidraw0' }], clashes: ['/other/hidraw0: another device has the name "hidraw0"'] })
  })

  it.each(['a', 'x'.repeat(63), 'x'.repeat(64), `${'x'.repeat(53)}--${'y'.repeat(20)}`, '-a-', 'ä:b/c'])('%s becomes a resource\'s', (text) => {
    expect(validateQualifiedName(`bramble.dev/${slug(text)}`)).toEqual([])
  })
  it('long ones stay apart', () => { expect(slug(`${'x'.repeat(70)}1`)).not.toBe(slug(`${'x'.repeat(70)}2`)) })
})
