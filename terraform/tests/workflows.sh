# shellcheck shell=bash
# The pipelines: their form, and a dry run of what they publish.

workflows_are_sound() { actionlint -color=false .github/workflows/*.yml; }

# What others wrote runs by the digest of a commit, never by a tag that may move.
actions_are_pinned() {
  local loose
  loose=$(grep -hE '^ *-? *uses:' .github/workflows/*.yml | grep -vE 'uses: [^@ ]+@[0-9a-f]{40}( |$)' | grep -vE 'uses: \./' || true)
  [[ -z $loose ]] || { echo "$loose"; return 1; }
}

# Every image of images/build.sh and both charts are pushed, signed and described.
publishes_all() {
  local said image kind verb names pinned
  said=$(images/publish.sh --dry-run --version 9.9.9 --registry example.invalid/stylobate)
  names=$(images/build.sh --names | sed 's,.*/,,; s/^operator:.*/operator:9.9.9/; /-rebuilt$/d')
  # Two majors, the way between them, two poolers and the operator; more on a day when the archive has two minors.
  (($(wc -l <<<"$names") >= 6)) || { echo "images/build.sh names only: $names"; return 1; }
  while read -r image; do
    grep -qE "^skopeo copy .*/$image\$" <<<"$said" || { echo "image $image is not pushed"; return 1; }
  done <<<"$names"
  while read -r kind; do
    for verb in "cosign sign" "syft scan" "cosign attest"; do
      [[ $(grep -cE "^$verb .*/$kind@" <<<"$said") == $(grep -c "^$kind:" <<<"$names") ]] || { echo "not each image of $kind: $verb"; return 1; }
    done
  done < <(cut -d: -f1 <<<"$names" | sort -u)
  pinned=$(grep -oE "(postgres|pgpool|pgbouncer):[^@ ]*@sha256:DIGEST" <<<"$said" | sed 's/@.*//' | sort -u)
  [[ $pinned == "$(grep -v '^operator:' <<<"$names" | sort -u)" ]] || { echo "the chart names other images than are pushed: $pinned"; return 1; }
  for kind in stylobate postgres-cluster; do
    grep -qE "^helm push $kind-9\.9\.9\.tgz" <<<"$said" || { echo "chart $kind is not pushed"; return 1; }
  done
}

# The chart that is pushed, rendered: operator, pooler and catalog name their images by digest.
pins_the_chart() {
  local digest rendered image
  digest=sha256:$(printf '0%.0s' {1..64})
  images/engine-images.sh values --dry-run --registry example.invalid/stylobate --operator-tag 9.9.9 |
    sed "s/sha256:DIGEST/$digest/; s/DAY/2026-01-31/; s/\\.N/.90/g" | images/pin-chart.sh charts/stylobate "$WORK/pinned" || return 1
  rendered=$(helm template stylobate "$WORK/pinned" --kube-version "$(. local/lib/build.sh && echo "v$KUBERNETES_VERSION")") || return 1
  while read -r image; do
    grep -qF "$image@$digest" <<<"$rendered" || { echo "the chart does not name $image by digest"; return 1; }
  done < <(images/build.sh --names | sed '/-rebuilt$/d; s,^localhost,example.invalid,; s/operator:dev/operator:9.9.9/; s/\.N/.90/g')
}

refuses_a_version() {
  local said
  if said=$(images/publish.sh --dry-run --version latest --registry example.invalid/stylobate 2>&1); then echo "it took 'latest'"; return 1; fi
  grep -q "failed to read --version: 'latest'" <<<"$said" || { echo "$said"; return 1; }
}

# Notes hold what the changelog says is new, the version and the registry; a version without news has none.
notes_are_written() {
  local said
  said=$(.github/release-notes.sh 9.9.9 example.invalid/stylobate)
  grep -q '^# Stylobate 9.9.9$' <<<"$said" || { echo "the version is missing"; return 1; }
  grep -q 'oci://example.invalid/stylobate/charts/stylobate' <<<"$said" || { echo "the registry is missing"; return 1; }
  grep -qF -- "$(awk '/^## /{ on = 1; next } on && /^- /{ print; exit }' CHANGELOG.md)" <<<"$said" || { echo "what is new is missing"; return 1; }
  ! grep -qE 'CHANGES|REGISTRY|VERSION' <<<"$said" || { echo "a placeholder was left"; return 1; }
}

prove_workflows() {
  keeps "actionlint has nothing against the pipelines" workflows_are_sound
  keeps "every action is pinned by the digest of a commit" actions_are_pinned
  keeps "a release pushes, signs and describes every image and both charts (dry run)" publishes_all
  keeps "a release's chart, rendered, names every image by digest" pins_the_chart
  keeps "notes of a release are written from the changelog" notes_are_written
  keeps "a release under a name that is no version is refused" refuses_a_version
}
