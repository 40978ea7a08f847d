output "dead_name" {
  description = "The name of the paused queue of messages that nobody can work on."
  value       = google_cloud_tasks_queue.dead.name
}

output "name" {
  description = "The queue's name, for `HELIUM_QUEUE__NAME`."
  value       = google_cloud_tasks_queue.main.name
}

output "url" {
  description = "The queue's address in the Cloud Tasks API."
  value       = "https://cloudtasks.googleapis.com/v2/${google_cloud_tasks_queue.main.id}"
}
