import { describe, expect, it } from 'vitest'
import { activeDownloads, ctrLine, dockerLine, PullMeter } from './pull-meter.ts'

const hex = (c: string): string => c.repeat(64)
const esc = String.fromCharCode(27)
const bar = `|${esc}[32m++++${esc}[0m----|`

describe('ctr', () => {
  it('is read blob by blob, cut anywhere, over and over', () => {
    const meter = new PullMeter(ctrLine)
    const screen = (mib: string): string => `r:5/a:1:   resolved       ${bar} \r\nmanifest-sha256:${hex('a')}: done           ${bar} \nlayer-sha256:${hex('b')}:    downloading    ${bar}  ${mib} MiB/64.0 MiB \nlayer-sha256:${hex('c')}:    waiting        ${bar} \nelapsed: 0.1 s   total:  65.0 M (81.2 MiB/s)   \n`
    const text = screen('6.0')
    let moved = 0
    for (let at = 0; at < text.length; at += 7) if (meter.feed(text.slice(at, at + 7))) moved++
    expect(moved).toBe(3)
    expect(meter.reading).toEqual({ phase: 'downloading', doneBytes: 6 << 20, totalBytes: 64 << 20 })
    expect(meter.names).toEqual([`manifest-sha256:${hex('a')}`, `layer-sha256:${hex('b')}`, `layer-sha256:${hex('c')}`])
    expect(meter.feed(screen('6.0'))).toBe(false)
    expect(meter.feed(screen('6.1'))).toBe(true)
    meter.feed(`layer-sha256:${hex('b')}:    done    ${bar} \nlayer-sha256:${hex('c')}: exists ${bar}\nunpacking linux/amd64 sha256:${hex('a')}...\n`)
    expect(meter.reading).toEqual({ phase: 'unpacking', doneBytes: 64 << 20, totalBytes: 64 << 20 })
  })
})

it('downloads under way are known more exactly than what was printed', () => {
  const active = activeDownloads(`REF\t\t\tSIZE\tAGE\t\nlayer-sha256:${hex('b')}\t6.757MB\tLess than a second\t\nlayer-sha256:${hex('c')}\t1.5GB\t2 minutes\t\n`)
  expect(active).toEqual([{ name: `layer-sha256:${hex('b')}`, done: 6_757_000 }, { name: `layer-sha256:${hex('c')}`, done: 1_500_000_000 }])
  const meter = new PullMeter(ctrLine)
  meter.feed(`layer-sha256:${hex('b')}:    downloading    ${bar}  6.0 MiB/64.0 MiB \n`)
  meter.expect(`layer-sha256:${hex('d')}`)
  expect(active.map(({ name, done }) => meter.correct(name, done))).toEqual([true, false])
  expect(meter.reading).toEqual({ phase: 'downloading', doneBytes: 6_757_000, totalBytes: 64 << 20 })
  // What ctr shows of a download that has just broken.
  meter.feed(`layer-sha256:${hex('b')}:    done    ${bar} \n`)
  expect(meter.correct(`layer-sha256:${hex('b')}`, 7_000_000)).toBe(true)
  expect(meter.reading.doneBytes).toBe(7_000_000)
})

describe('docker', () => {
  it('is read layer by layer; what is extracted was downloaded', () => {
    const meter = new PullMeter(dockerLine)
    const draw = (line: string): boolean => meter.feed(`${esc}[1A${esc}[2K\r${line} \r${esc}[1B`)
    expect(meter.feed('1: Pulling from big/app\r\n')).toBe(false)
    expect(draw('eafcbc2c940c: Pulling fs layer')).toBe(true)
    expect(draw('a0bdb678439e: Already exists')).toBe(true)
    expect(draw('eafcbc2c940c: Downloading  539.6kB/68.2MB')).toBe(true)
    expect(meter.reading).toEqual({ phase: 'downloading', doneBytes: 539_600, totalBytes: 68_200_000 })
    expect(draw('eafcbc2c940c: Downloading [=>    ]  34.1MB/68.2MB')).toBe(true)
    expect(draw('eafcbc2c940c: Retrying in 5 seconds')).toBe(true)
    expect(draw('eafcbc2c940c: Retrying in 4 seconds')).toBe(false)
    expect(meter.reading).toEqual({ phase: 'downloading', doneBytes: 34_100_000, totalBytes: 68_200_000 })
    draw('eafcbc2c940c: Verifying Checksum')
    expect(meter.reading).toEqual({ phase: 'downloading', doneBytes: 68_200_000, totalBytes: 68_200_000 })
    expect(draw('eafcbc2c940c: Extracting  557.1kB/68.2MB')).toBe(true)
    expect(draw('eafcbc2c940c: Extracting   11.7MB/68.2MB')).toBe(true)
    expect(meter.reading).toEqual({ phase: 'unpacking', doneBytes: 68_200_000, totalBytes: 68_200_000 })
  })
})

it('holds no more than an image can have', () => {
  const meter = new PullMeter(dockerLine)
  for (let i = 0; i < 5000; i++) meter.feed(`${i.toString(16).padStart(12, '0')}: Waiting\n`)
  expect(meter.names.length).toBe(1000)
})
