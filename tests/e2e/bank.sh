# The bank as a client of the cluster `shop`, through Pgpool. Sourced by run.sh.
# shellcheck shell=bash

# bank_starts SECONDS: transfers for so long at most; returns once they flow.
bank_starts() {
  k delete job bank --ignore-not-found
  sed -e "s/ledger/shop/g; s/namespace: shop/namespace: $NS/; s/shop-pooler.shop.svc/shop-pooler.$NS.svc/; s/\"60\"/\"$1\"/" \
    docs/examples/bank-job.yaml | kubectl apply -f -
  within 60 test_equal 1 have job bank .status.ready
  within 20 says "transfers/s" k logs job/bank
}

# writing: the bank's last line counts transfers, and no gap is open.
writing() { k logs job/bank --tail=1 | grep -E '[1-9][0-9.]* transfers/s .* errors none'; }

# bank_is_right: ends it, which has it verify itself; nothing that was acknowledged is missing. Its image has no program that sends a
# signal, so a container beside it does.
bank_is_right() {
  within 30 writing # it did not end before what it should be there for
  k debug "$(k get pod -l batch.kubernetes.io/job-name=bank -o name)" --image="$PG_NEWEST_IMAGE" --target=bank --profile=restricted --quiet \
    -- sh -c 'kill -TERM 1'
  k wait job/bank --for=condition=Complete --timeout=300s || { k logs job/bank | tail -30; return 1; }
  k logs job/bank | sed -n '/transfers ended/,$p'
  says "lost 0" k logs job/bank
  says "total kept yes" k logs job/bank
}
