output "values" {
  description = "Values for an application's chart: where the cache is, and by which authority it is known."
  value = yamlencode({ cache = {
    host      = google_redis_instance.this.host
    port      = google_redis_instance.this.port
    authority = try(google_redis_instance.this.server_ca_certs[0].cert, null)
  } })
}
