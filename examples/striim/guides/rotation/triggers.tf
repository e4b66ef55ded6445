variable "incident" {
  description = "The last incident after which all tokens were rotated."
  type        = string
  default     = "none"
}

# Rotated before its expiry, and at once after an incident.
resource "striim_service_account_token" "ci" {
  name          = "ci-pipeline"
  description   = "Deploys the pipelines"
  expires_in    = "90d"
  rotate_before = "14d"

  rotation_triggers = {
    incident = var.incident
  }
}
