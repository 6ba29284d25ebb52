# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 the libvfio-user-client authors

# Who may include whom. Reads C files whose names are relative to the top of the tree; prints one
# line for each #include that breaks a rule. `own` lists those headers of examples and tools that
# lie beside them.

BEGIN {
  n = split ("base wire transport session access device", floors, " ")
  for (i = 1; i <= n; i++)
    rank[floors[i]] = i

  # Public headers for all floors; the others are for those who implement them.
  common["vuc-error.h"]
  common["vuc-types.h"]

  n = split (own, names, " ")
  for (i = 1; i <= n; i++)
    beside[names[i]]
}

function complain (why)
{
  printf "%s:%d: %s %s\n", FILENAME, FNR, header, why
}

FNR == 1 {
  split (FILENAME, path, "/")
  if (path[1] == "src" && !(path[2] in rank))
    printf "%s: lies on no floor\n", FILENAME
}

!/^[ \t]*#[ \t]*include[ \t]*["<]/ { next }

{
  header = $0
  sub (/^[^"<]*/, "", header)
  sub (/[">][^">]*$/, "", header)
  quoted = substr (header, 1, 1) == "\""
  header = substr (header, 2)

  public = header ~ /^vfio-user-client\//
  name = header
  sub (/^.*\//, "", name)
  folder = header
  sub (/\/.*$/, "", folder)
}

public && quoted {
  complain ("is a public header: write <" header ">")
}

path[1] == "src" && public && path[2] != "device" && !(name in common) {
  complain ("is for floor device only")
}

path[1] == "src" && quoted && !public && header != "config.h" {
  if (header !~ /\// || !(folder in rank))
    complain ("is not written as \"floor/file.h\"")
  else if (rank[folder] > rank[path[2]])
    complain ("is of a higher floor than " path[2])
}

path[1] == "examples" && quoted && !public && header != "config.h" {
  dir = FILENAME
  sub (/[^\/]*$/, "", dir)
  file = dir header
  sub (/[^\/]+\/\.\.\//, "", file) # a program may have a part of its neighbour
  if (!(file in beside))
    complain ("is not public")
}

path[1] == "examples" && path[2] == "demo-device" && public {
  complain ("is ours: the demo device must not share our mistakes")
}
