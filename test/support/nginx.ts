import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { hasCommand } from './commands.ts'
import { ManagedProcess, type ProcessOwner } from './managed-process.ts'
import { poll } from './poll.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** Whether to skip, and why. Where PT_REQUIRE_PEERS=1 is set, a missing peer fails instead. */
export const skipWithoutNginx: string | false =
  ['nginx', 'curl', 'openssl'].every(hasCommand) || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : 'nginx, curl or openssl is not installed (apt-get install nginx-light curl openssl)'

const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'

/** As skipWithoutNginx, where nginx has to pass on streams as well. */
export const skipWithoutNginxStream: string | false =
  skipWithoutNginx ||
  (existsSync(STREAM_MODULE) || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : "nginx's stream module is not installed (apt-get install libnginx-mod-stream)")

/** A certificate of "bridge.example" and 127.0.0.1, made for one test. */
export interface MadeCertificate {
  readonly certificatePath: string
  readonly keyPath: string
  readonly certificate: string
}

/** Makes a self-signed certificate with openssl, valid for a day. */
export function makeCertificate(directory: string): MadeCertificate {
  const [keyPath, certificatePath] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyPath]
  const names = ['-subj', '/CN=bridge.example', '-addext', 'subjectAltName=DNS:bridge.example,IP:127.0.0.1']
  const { status, stderr } = spawnSync('openssl', [
    'req',
    '-x509',
    '-days',
    '1',
    ...key,
    ...names,
    '-out',
    certificatePath,
  ])
  if (status !== 0) throw new Error(`openssl: ${stderr.toString()}`)
  return { certificatePath, keyPath, certificate: readFileSync(certificatePath, 'utf8') }
}

/** Starts nginx with `servers` in its http block and `streams` in its stream block, and waits until `port` answers. Its site is one file, /index.html. */
export async function startNginx(
  owner: ProcessOwner,
  { servers = '', streams = '', port }: { readonly servers?: string; readonly streams?: string; readonly port: number },
): Promise<void> {
  const directory = await temporaryDirectory(owner)
  await mkdir(join(directory, 'site'))
  await writeFile(join(directory, 'site', 'index.html'), '<h1>the site of nginx</h1>\n')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${kind};`,
  )
  // Without a master, the end of this process is the end of it all.
  const module = streams === '' ? '' : `load_module ${STREAM_MODULE};`
  const configuration = `${module} daemon off; master_process off; pid ${directory}/pid; error_log stderr warn;
events { worker_connections 256; }
http { access_log off; root ${directory}/site; ${temporary.join(' ')}
${servers}
}
${streams === '' ? '' : `stream { ${streams} }`}`
  await writeFile(join(directory, 'nginx.conf'), configuration)
  const child = new ManagedProcess(owner, 'nginx', [
    '-p',
    directory,
    '-e',
    'stderr',
    '-c',
    join(directory, 'nginx.conf'),
  ])
  const ask = async (): Promise<true | undefined> => {
    if (child.child.exitCode !== null) throw new Error(`nginx ended: ${child.errorOutput}`)
    return (await isListening(port)) || undefined
  }
  await poll('nginx listens', 10_000, ask)
}

/** The server block that answers with TLS on `port`, and passes the path on to the tunnel's server. */
export function tunnelServer(
  { certificatePath, keyPath }: MadeCertificate,
  { port, path, serverPort }: { readonly port: number; readonly path: string; readonly serverPort: number },
): string {
  return `server { listen 127.0.0.1:${port} ssl; server_name bridge.example;
ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath};
location = ${path} { proxy_pass http://127.0.0.1:${serverPort}; proxy_http_version 1.1; proxy_read_timeout 60s;
proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header X-Forwarded-For $remote_addr; } }`
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
