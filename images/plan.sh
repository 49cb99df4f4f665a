# shellcheck shell=bash
# Which images there are, by what versions.sh found, and by which name each is kept. Sourced by build.sh and engine-images.sh, in images/.

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/stylobate/images
REPOSITORY=localhost/stylobate
# The older major's suite, of which versions.sh has the rest.
# shellcheck disable=SC2034 # read by build.sh
OLD_SUITE=bookworm
# The poolers', also as in versions.sh: Debian's next release, since no stable suite has a Pgpool-II or a PgBouncer without known faults that
# clients reach (docs/decisions/0003-pgpool-facts.md, 0031-pgbouncer.md).
POOLER_SUITE=forky
# Where cargo, run from the repository's root, leaves the operator's binary.
BINARY=$(cd .. && realpath -m "${CARGO_TARGET_DIR:-target}")/release/stylobate
# Lines of what there is to build, in this order: kind, tag, build arguments with commas between them, folder, and the tag that it
# is built on, or `base`, or `base-SUITE` for another suite's. plan() fills it.
IMAGES=()

# Fills IMAGES with what comes of the versions found ($1: lines of versions.sh). Two images of each major, so that rollouts are
# tested between them: of two minor versions where the archive has two, else of two builds of the one. The images of the older
# major are built on the newest, and one more is for the way between them.
plan() {
  local name major version package newest='' newest_major='' last='' poolers='' arg
  IMAGES=()
  while read -r name major version package; do
    case $name in
      pgpool | pgbouncer)
        # The newest alone.
        [[ $poolers != *"$name "* ]] || continue
        poolers+="$name "
        arg=${name^^}_VERSION=$version,${name^^}_PACKAGE=$package
        IMAGES+=("$name $version $arg $name base-$POOLER_SUITE")
        continue
        ;;
      postgres) ;;
      *) continue ;;
    esac
    if [ -z "$newest" ]; then newest=$version newest_major=$major; fi
    if [ "$major" = "$newest_major" ]; then
      arg=PG_MAJOR=$major,PG_VERSION=$version,PG_PACKAGE=$package
      IMAGES+=("postgres $version $arg postgres base")
    else
      arg=OLD_MAJOR=$major,OLD_VERSION=$version,OLD_PACKAGE=$package
      IMAGES+=("postgres $version $arg postgres-upgrade $newest")
      [ "$major" = "$last" ] || IMAGES+=("postgres $major-to-$newest $arg postgres-upgrade $newest")
    fi
    # The only version of its major gets a second build.
    [ "$(grep -c "^postgres $major " <<<"$1")" != 1 ] ||
      IMAGES+=("postgres $version-rebuilt PG_MAJOR=$major,PG_VERSION=$version,PG_PACKAGE=$package postgres-rebuilt $version")
    last=$major
  done <<<"$1"
  IMAGES+=("operator dev PREBUILT=stylobate operator base")
}

# The line of IMAGES with kind $1 and tag $2.
line_of() { printf '%s\n' "${IMAGES[@]}" | grep -F "$1 $2 "; }

# Twelve hex digits over the contents of all arguments' files (a folder counts with every file in it) and standard input.
hash_of() {
  { cat; find "$@" -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-12
}

# The key of an image: its folder, its arguments (with the package's version), how the base is made, for the operator its binary, and
# the key of the image that it is built on. $1 is its line.
key_of() {
  local kind tag args folder on inputs under=
  read -r kind tag args folder on <<<"$1"
  inputs=("$folder" base.sh)
  [ "$kind" != operator ] || inputs+=("$BINARY")
  case $on in
    base) ;;
    base-*) under=$on ;;
    *) under=$(key_of "$(line_of "$kind" "$on")") ;;
  esac
  echo "$tag $args $under" | hash_of "${inputs[@]}"
}

# The OCI archive of an image: $1 kind, $2 tag, $3 key.
archive_of() { echo "$CACHE/$1-$2-$3.oci"; }

# The digest of the manifest in an archive: the same wherever the archive's image is copied to as it is. `-` when there is none.
digest_of() {
  [ -e "$1" ] || { echo -; return; }
  tar -xOf "$1" index.json | grep -o -m1 'sha256:[0-9a-f]\{64\}' | head -n 1
}

# Lines ARCHIVE IMAGE KEY DIGEST of what there is, built or not; the operator's only when its binary is there.
list() {
  local line kind tag key archive
  for line in "${IMAGES[@]}"; do
    read -r kind tag _ <<<"$line"
    [ "$kind" != operator ] || [ -e "$BINARY" ] || continue
    key=$(key_of "$line")
    archive=$(archive_of "$kind" "$tag" "$key")
    echo "$archive $REPOSITORY/$kind:$tag $key $(digest_of "$archive")"
  done
}

# What was found last by anybody here, and where that is nothing, N for what will be: for those who only show what they would do.
guess() { ./versions.sh last || printf '%s\n' 'postgres 17 17.N 17.N' 'postgres 15 15.N 15.N' 'pgpool 4 4.N 4.N' 'pgbouncer 1 1.N 1.N'; }

# Names of what there would be.
names() {
  local line kind tag
  plan "$(guess)"
  for line in "${IMAGES[@]}"; do
    read -r kind tag _ <<<"$line"
    echo "$REPOSITORY/$kind:$tag"
  done
}
