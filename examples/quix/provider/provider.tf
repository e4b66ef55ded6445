terraform {
  required_providers {
    quix = {
      source = "token-providers/quix"
    }
  }
}

# The address of the Portal API and the token are in the environment variables Quix__Portal__Api and Quix__Sdk__Token.
provider "quix" {
  # Only for quix_streaming_tokens. Quix's public documentation does not contain these paths.
  streaming_tokens_path        = var.streaming_tokens_path
  rotate_streaming_tokens_path = var.rotate_streaming_tokens_path
}

variable "streaming_tokens_path" {
  description = "The path of the Portal API that reads streaming tokens, with {workspaceId} for the environment's id."
  type        = string
}

variable "rotate_streaming_tokens_path" {
  description = "The path that rotates them, in the same format, optionally with a method before it, such as PUT."
  type        = string
}
