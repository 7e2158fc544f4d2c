// SPDX-License-Identifier: Apache-2.0

// Package mounts gives volumes to pods: bind mounts of directories, loop devices of images.
// Nothing is remembered: what is mounted and attached is read from the kernel each time, so
// a driver that was killed finds its way.
package mounts
