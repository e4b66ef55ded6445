resource "quix_streaming_tokens" "shop" {
  workspace_id = "acme-shop-prod"

  rotation_triggers = {
    # Change this to rotate, for instance to the current date.
    rotated = var.rotated
  }
}

variable "rotated" {
  description = "The date of the last planned rotation. A change revokes token 1."
  type        = string
  default     = "2027-01-15"
}
