terraform {
  required_providers {
    quix = {
      source = "token-providers/quix"
    }
  }
}

# Where the Portal API is, and the token, come from the environment variables Quix__Portal__Api and Quix__Sdk__Token.
provider "quix" {
  # Only for quix_streaming_tokens. Quix's public documentation does not tell these paths.
  streaming_tokens_path        = var.streaming_tokens_path
  rotate_streaming_tokens_path = var.rotate_streaming_tokens_path
}

variable "streaming_tokens_path" {
  description = "Where the Portal API reads streaming tokens, with {workspaceId} in it."
  type        = string
}

variable "rotate_streaming_tokens_path" {
  description = "Where it rotates them, likewise; perhaps with a method before it, such as PUT."
  type        = string
}
