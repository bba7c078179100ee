# user-data and meta-data in, the shell lines that apply them out.
# One program, because every start of jq costs a tenth of a second on a machine run in software.
def options:
  [(if .ssh_pwauth == true then empty else "-s" end),
   (if .disable_root == false then empty else "-w" end)] | join(" ");

def password:
  if .lock_passwd == false then (.hashed_passwd // .passwd // "!") else "!" end;

($user[0] // {}) as $user
| ($meta[0] // {}) as $meta
| @sh "instance_id=\($meta["instance-id"] // "none")",
  @sh "hostname=\($user.hostname // $meta["local-hostname"] // "tiny")",
  @sh "host_key=\($user.ssh_keys.ed25519_private // "")",
  @sh "ssh_options=\($user | options)",
  "make_users() {",
  "  :",
  (($user.users // [])[] | objects
   | @sh "  make_user \(.name) \(.gecos // "" | gsub("[:\n]"; " ")) \(.shell // "/bin/sh") \(password) \((.ssh_authorized_keys // []) | join("\n"))"),
  "}"
