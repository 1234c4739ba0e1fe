import { describe, expect, test } from 'vitest'
import { isImageId, normalizeReference } from './image-reference.ts'

const hex = 'ab'.repeat(32)

describe('image references are made whole as Docker does', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['user/app', 'docker.io/user/app:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['localhost/nginx', 'localhost/nginx:latest'],
    ['localhost:5000/nginx', 'localhost:5000/nginx:latest'],
    ['[::1]:5000/a/b:x', '[::1]:5000/a/b:x'],
    ['ghcr.io/a/b/c:v1', 'ghcr.io/a/b/c:v1'],
    ['a__b/c--d.e', 'docker.io/a__b/c--d.e:latest'],
    [`nginx@sha256:${hex}`, `docker.io/library/nginx@sha256:${hex}`],
    [`nginx:1.27@sha256:${hex}`, `docker.io/library/nginx@sha256:${hex}`],
    ['Registry/x', 'Registry/x:latest'],
  ])('%s', (written, whole) => { expect(normalizeReference(written)).toBe(whole) })

  test.each(['', 'Nginx', 'nginx:', 'nginx:a b', 'nginx@sha256:12', '-x', '$(id)', '--flag', 'a//b', '/a', 'a/', hex, 'nginx:' + 'a'.repeat(129), 'a\nb'])('refuses %j', (written) => {
    expect(() => normalizeReference(written)).toThrow(expect.objectContaining({ code: 'invalid-image-name' }))
  })

  test('ids are told from names', () => {
    expect([hex, `sha256:${hex}`, 'nginx', `sha256:${hex}0`].map(isImageId)).toEqual([true, true, false, false])
  })
})
