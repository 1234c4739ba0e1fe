import { expect, it } from 'vitest'
import { expected } from './cgroup-driver.ts'

it.each([
  ['version 1', undefined, false, true, 'cgroupfs'],
  ['version 2 under systemd', undefined, true, true, 'systemd'],
  ['version 2 without systemd', undefined, true, false, 'cgroupfs'],
  ['told otherwise', '{"exec-opts": ["native.cgroupdriver=cgroupfs"]}', true, true, 'cgroupfs'],
  ['told of other things', '{"log-driver": "json-file"}', true, true, 'systemd'],
])('the driver that a daemon will choose: %s', (_case, json, two, systemd, driver) => { expect(expected(json, two, systemd)).toBe(driver) })
