"""What is kept on disk: blobs, images, unpacked layers."""
