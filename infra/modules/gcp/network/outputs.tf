output "network" {
  description = "The network, for the variable `network` of other modules."
  value = {
    id         = google_compute_network.main.id
    subnetwork = google_compute_subnetwork.services.id
  }
  # A cache or a database can be made only when its addresses are there.
  depends_on = [google_service_networking_connection.managed]
}

output "subnets" {
  description = "The subnetworks by what they are for."
  value       = { services = google_compute_subnetwork.services.id }
}
