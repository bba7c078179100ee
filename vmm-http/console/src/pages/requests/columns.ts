/** The columns of a request, in the order of a new sheet. */
export const COLUMNS = ['name', 'os', 'vcpu', 'memory', 'disk', 'count', 'group_name', 'hostname', 'ip', 'description'] as const;

/** Other titles that the server accepts (docs/REQUESTS.md). */
const OTHERS: Record<string, readonly string[]> = {
  name: ['vm', 'vm name', 'machine', 'machine name', 'server name'],
  hostname: ['fqdn', 'dns name'],
  group_name: ['group', 'group name'],
  vcpu: ['vcpus', 'cpu', 'cpus', 'cores', 'cpu cores', 'processors'],
  memory: ['ram', 'mem', 'memory size', 'ram size'],
  os: ['operating system', 'distribution', 'distro'],
  disk: ['disks', 'disk size', 'hdd', 'ssd', 'storage'],
  ip: ['ip address', 'ipv4', 'ipv4 address'],
  count: ['quantity', 'qty'],
  description: ['comment', 'comments', 'note', 'notes', 'remark', 'remarks'],
};

/** Returns the column that a title stands for, or the title itself. */
export function columnOf(title: string): string {
  // A title can name the unit of its numbers: `RAM (GB)`, `disk_gib`.
  const words = title.trim().toLowerCase().replace(/\s*\(.*\)$/, '').replace(/[_\s-]+/g, ' ').trim();
  const plain = words.replace(/ (?:[kmgt]i?b?|gig|meg)$/, '');
  for (const name of COLUMNS) {
    const known = [name.replace('_', ' '), ...(OTHERS[name] ?? [])];
    if (known.includes(words) || known.includes(plain)) return name;
  }
  return title.trim();
}
